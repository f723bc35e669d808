"""Passes its input on as slowly as a busy terminal does."""

import os
import time

while text := os.read(0, 512):
    time.sleep(0.001)
    os.write(1, text)
