"""The only reader of run folders. results/README.md describes what is in them."""
