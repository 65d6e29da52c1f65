"""The description of the server for programs: OpenAPI 3.1, whose schemas are JSON Schema.

The answers to a text depend on the model: its labels, and whether they are in order.
"""

from __future__ import annotations

from typing import Any

from sentibp.export.server.limits import Limits
from sentibp.export.server.model import ServedModel
from sentibp.model.prediction import answer_columns
from sentibp.model.spec import NetworkSpec
from sentibp.utils.environment import version

PATHS = ("POST /predict", "GET /health", "GET /model", "GET /openapi.json")

_NUMBER, _TEXT, _COUNT = {"type": "number"}, {"type": "string"}, {"type": "integer", "minimum": 0}
_FLAG, _TEXTS = {"type": "boolean"}, {"type": "array", "items": {"type": "string"}}
_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
_ERRORS = {
    400: "The body is not JSON, or the request is not HTTP.",
    401: "The token is missing or wrong.",
    403: "The request is for another host, or from a page of another origin.",
    404: "There is no such path.",
    405: "The path does not take this method.",
    408: "The request did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not declared as JSON in UTF-8, or is compressed.",
    422: "The body is JSON, but no text or list of texts; or there are too many, or too long, texts.",
    500: "The model has no answer, or the server made a mistake.",
    503: "Too many requests are waiting, or there was no answer in time. Try again.",
}


def describe(model: ServedModel, limits: Limits, with_token: bool) -> dict[str, Any]:
    """Return the OpenAPI document."""
    spec = model.classifier.spec
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "A sentiment classifier of sentibp",
            "version": version("sentibp"),
            "description": f"Answers as `sentibp predict` does. The labels are {', '.join(spec.labels)}.",
        },
        "paths": {
            "/predict": {"post": _predict(limits, with_token)},
            "/health": {"get": _get("Whether the server is there", "Health", False)},
            "/model": {"get": _get("Labels, digest, format and scores of the model", "Model", with_token)},
            "/openapi.json": {"get": _get("This document", None, with_token)},
        },
        "components": {"schemas": _schemas(spec, limits)},
    }
    if with_token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def _predict(limits: Limits, with_token: bool) -> dict[str, Any]:
    answers = {
        "oneOf": [_ref("Answer"), _list(_ref("Answer")), _ref("ExplainedAnswer"), _list(_ref("ExplainedAnswer"))]
    }
    explain = {
        "name": "explain",
        "in": "query",
        "description": "Also the contribution of each word and n-gram, as `sentibp explain --json` has them.",
        "schema": {"type": "boolean", "default": False},
    }
    return {
        "operationId": "predict",
        "summary": "The label and its probability for a text, or for each text of a list",
        "description": f"A body has at most {limits.body:,} bytes. One text is answered by an object, a list by a list "
        "of as many objects, in the same order.",
        "parameters": [explain],
        "requestBody": {"required": True, "content": _content(_ref("Texts"))},
        "responses": {"200": {"description": "The answers", "content": _content(answers)}}
        | _errors(with_token, 400, 408, 413, 415, 422, 500, 503),
        **_security(with_token),
    }


def _get(summary: str, schema: str | None, with_token: bool) -> dict[str, Any]:
    content = _content({"type": "object"} if schema is None else _ref(schema))
    return {
        "operationId": (schema or "openapi").lower(),
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}}
        | _errors(with_token, 400, 405, 408, 500, 503),
        **_security(with_token),
    }


def _errors(with_token: bool, *statuses: int) -> dict[str, Any]:
    all_statuses = sorted({*statuses, 401 if with_token else 403})
    return {
        str(status): {"description": _ERRORS[status], "content": _content(_ref("Error"))} for status in all_statuses
    }


def _security(with_token: bool) -> dict[str, Any]:
    return {"security": [{"token": []}]} if with_token else {}


def _schemas(spec: NetworkSpec, limits: Limits) -> dict[str, Any]:
    answer = _answer(spec)
    text = {"type": "string", "maxLength": limits.length}
    several = {"type": "array", "items": text, "maxItems": limits.texts}
    return {
        "Texts": {"oneOf": [text, several, _object({"text": {"oneOf": [text, several]}})]},
        "Answer": _object(answer, optional=("note",)),
        "ExplainedAnswer": _object(answer | _explanation(spec), optional=("note",)),
        "Contribution": _object(
            {"text": _TEXT, "start": _COUNT, "end": _COUNT, "contribution": _NUMBER},
            about="A word or n-gram: the characters from start to end of the text, and what it adds to the sum.",
        ),
        "Word": _object(
            {"text": _TEXT, "start": _COUNT, "end": _COUNT, "contribution": _NUMBER, "known": _FLAG},
            about="A word, with its share of the n-grams that contain it.",
        ),
        "Health": _object({"status": {"const": "ok"}}),
        "Model": _model(spec),
        "Error": _object({"error": _TEXT}),
    }


def _answer(spec: NetworkSpec) -> dict[str, Any]:
    """Return the schema of each key of an answer."""
    known = {
        "label": {"enum": list(spec.labels)},
        "score": _PROBABILITY | {"description": "The probability of the label."},
        "positive": _PROBABILITY | {"description": "The probability of positive."},
        "probabilities": _object(dict.fromkeys(spec.labels, _PROBABILITY)),
        "place": _NUMBER | {"description": "From 0, the worst label, to 1, the best."},
        "expected": _NUMBER | {"description": "The expected number, such as that of stars."},
        "tokens": _COUNT | {"description": "How many tokens the text has."},
        "unknown": _COUNT | {"description": "How many of them the model does not know."},
        "note": {"const": "no known word"},
    }
    return {key: known[key] for key in answer_columns(spec.label_set)}


def _explanation(spec: NetworkSpec) -> dict[str, Any]:
    """Return the schema of each key that an explanation adds to an answer."""
    each = {
        "bias": _NUMBER | {"description": "The sum for an empty review."},
        "parts": _list(_ref("Contribution")),
        "residual": _NUMBER | {"description": "The error of the sum."},
        "words": _list(_ref("Word")),
    }
    method = {"enum": ["linear", "piecewise linear", "quadrature"]}
    if spec.label_set.are_binary:
        return {"logit": _NUMBER, **each, "method": method}
    return {"sums": _list(_object({"name": _TEXT, "value": _NUMBER, **each})), "method": method}


def _model(spec: NetworkSpec) -> dict[str, Any]:
    text = {"lowercase": _FLAG, "folding": {"enum": [1, 2]}, "classes": _TEXTS, "presence": _FLAG}
    return _object(
        {
            "labels": {"const": list(spec.labels)},
            "ordered": _FLAG | {"description": "Whether the labels are in order, from the worst to the best."},
            "threshold": _or_null(_object({"label": {"enum": list(spec.labels)}, "least": _PROBABILITY}))
            | {"description": "The label that is given from this probability on, if it was started with --threshold."},
            "cost": _or_null(_list(_list(_NUMBER)))
            | {"description": "What a mistake costs, by the right label and the given one, if with --cost."},
            "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the model file."},
            "format": {"type": "integer", "description": "The format of the model file."},
            "version": _TEXT | {"description": "The version of sentibp that wrote the model file."},
            "features": _COUNT | {"description": "How many words and n-grams the model knows."},
            "text": _object(text, about="How a text becomes words: settings of the section text."),
            "scores": {
                "type": "object",
                "description": "Of the training, on its validation reviews, or on all if none were held out.",
            },
        }
    )


def _object(properties: dict[str, Any], optional: tuple[str, ...] = (), about: str | None = None) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": properties,
        "required": [key for key in properties if key not in optional],
        "additionalProperties": False,
    }
    return schema if about is None else {"description": about, **schema}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": [schema, {"type": "null"}]}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
