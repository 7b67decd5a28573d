"""Validates YAML files by a JSON schema: validate_configuration.py SCHEMA FILE...

Prints `FILE: good`, or `FILE: PATH: what is wrong` for each mistake; then fails. Debian: python3-jsonschema, python3-yaml.
"""

import json
import sys

import jsonschema
import yaml


def each_key_once(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key is there twice among {keys}")
    return dict(pairs)


def main(schema_file, files):
    with open(schema_file) as file:
        schema = json.load(file, object_pairs_hook=each_key_once)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    is_good = True
    for name in files:
        with open(name) as file:
            errors = sorted(validator.iter_errors(yaml.safe_load(file)), key=lambda error: list(map(str, error.path)))
        for error in errors:
            print(f"{name}: {'.'.join(map(str, error.absolute_path))}: {error.message}")
        if errors:
            is_good = False
        else:
            print(f"{name}: good")
    return 0 if is_good else 1


sys.exit(main(sys.argv[1], sys.argv[2:]))
