"""Validates the JSON Schemas, and the contract's vectors by them, with another validator and
other regular expressions than the Go tests: schemas.py PIANOLA."""

import json
import subprocess
import sys

from jsonschema import Draft202012Validator


def schema(*arguments):
    text = subprocess.run([sys.argv[1], "schema", "json", *arguments], capture_output=True, check=True).stdout
    document = json.loads(text)
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


message, event = schema("message"), schema("event")
schema("row"), schema("subscription_state")
with open("transform/testdata/events.json") as file:
    cases = json.load(file)["cases"]
accepted = refused = 0
for case in cases:
    outcome = case["expect"]["outcome"]
    if case["config"] or "message" not in case:
        continue
    if outcome == "stored":
        accepted += 1
        for validator, value in (message, json.loads(case["message"])), (event, case["expect"]["event"]):
            for error in validator.iter_errors(value):
                sys.exit(f"FAIL {case['note']}: {error.message}")
    elif case["expect"].get("reason") in ("missing_field", "invalid_type", "not_an_object"):
        refused += 1
        if message.is_valid(json.loads(case["message"])):
            sys.exit(f"FAIL {case['note']}: the schema accepts it")
assert accepted >= 20 and refused >= 5, (accepted, refused)
print(f"ok JSON Schema in Python: {accepted} messages accepted, {refused} refused", flush=True)
