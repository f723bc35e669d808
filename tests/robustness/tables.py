"""All conditions by name. A new table is one more line."""

from states import STATES

TABLES = {"states": STATES}
CONDITIONS = {condition.name: condition for table in TABLES.values() for condition in table}
assert len(CONDITIONS) == sum(map(len, TABLES.values())), "two conditions have one name"
