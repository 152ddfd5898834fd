"""Owns what a schema cannot say: which rows there are to refer to, whose a row may be, what a sort or a key may not repeat.
Must never turn a wrong value into a right one: only well-formed values are replaced.
Called by schemathesis before each request.
"""

import json
import os
import re
import uuid

import schemathesis

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CURSOR = re.compile(r"[A-Za-z0-9_-]*")
with open(os.environ["SCHEMA_DOCUMENT"], encoding="utf-8") as file:
    DOCUMENT = json.load(file)


def referring_fields(operation):
    """Fields of a resource's rows that hold the row's owner or the key of another row."""
    resource = operation.path.split("/")[3]
    schema = DOCUMENT["components"]["schemas"].get(resource + ".new", {})
    return [key for key, value in schema.get("properties", {}).items() if "x-references" in value or "x-owner" in value]


def without_references(row, fields):
    """The row, where it is one, with null for keys that name nothing."""
    if not isinstance(row, dict):
        return row
    return {key: None if key in fields and isinstance(value, str) and UUID.fullmatch(value) else value for key, value in row.items()}


@schemathesis.hook
def before_call(context, case, **kwargs):
    fields = referring_fields(case.operation)
    if isinstance(case.body, dict):
        case.body = without_references(case.body, fields)
        if "data" in case.body:
            case.body = {**case.body, "data": without_references(case.body["data"], fields)}
    elif isinstance(case.body, list):
        case.body = [without_references(row, fields) for row in case.body]
    if case.headers and "Idempotency-Key" in case.headers:
        # A key is for one request, and no two of these are the same.
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    query = case.query or {}
    if isinstance(query.get("cursor"), str) and CURSOR.fullmatch(query["cursor"]):
        # One that was made up comes from no page; the empty one is the first page's. And there is a page or a cursor.
        query = {name: value for name, value in query.items() if name != "cursor"} | ({} if "page" in query else {"cursor": ""})
        case.query = query
    # A link passes a key on as it is; a filter has an operator.
    keys = {name: f"eq.{value}" for name, value in query.items() if name.endswith("_id") and isinstance(value, str) and UUID.fullmatch(value)}
    if keys:
        query = {**query, **keys}
        case.query = query
    sort = query.get("sort")
    if isinstance(sort, (list, str)):
        # One column, one direction.
        columns = sort.split(",") if isinstance(sort, str) else sort
        once = list({str(column).lstrip("-"): column for column in columns}.values())
        if len(columns) <= 5 and len({str(column) for column in columns}) == len(columns):
            case.query = {**query, "sort": ",".join(once) if isinstance(sort, str) else once}
