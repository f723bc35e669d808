"""All conditions by name. A new table is one more line."""

from machines import MACHINES
from records import RECORDS
from states import STATES

TABLES = {"records": RECORDS, "states": STATES, "machines": MACHINES}
CONDITIONS = {condition.name: condition for table in TABLES.values() for condition in table}
assert len(CONDITIONS) == sum(map(len, TABLES.values())), "two conditions have one name"
