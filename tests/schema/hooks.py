"""Owns what a schema cannot say: which rows there are to refer to, whose a row may be, what a sort may not repeat.
Must never turn a wrong value into a right one: only well-formed values are replaced.
Called by schemathesis before each request.
"""

import json
import os
import re

import schemathesis

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
with open(os.environ["SCHEMA_DOCUMENT"], encoding="utf-8") as file:
    DOCUMENT = json.load(file)


def referring_fields(operation):
    """Fields of the body that hold a row's owner or the key of another row."""
    try:
        described = DOCUMENT["paths"][operation.path][operation.method.lower()]
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        name = schema["$ref"].rsplit("/", 1)[1]
    except KeyError:
        return []
    properties = DOCUMENT["components"]["schemas"][name]["properties"]
    return [key for key, value in properties.items() if "x-references" in value or "x-owner" in value]


@schemathesis.hook
def before_call(context, case, **kwargs):
    if isinstance(case.body, dict):
        for key in referring_fields(case.operation):
            value = case.body.get(key)
            if isinstance(value, str) and UUID.fullmatch(value):
                case.body = {**case.body, key: None}
    query = case.query or {}
    if isinstance(query.get("sort"), list):
        # One column, one direction.
        once = {str(column).lstrip("-"): column for column in query["sort"]}
        case.query = {**query, "sort": list(once.values())}
