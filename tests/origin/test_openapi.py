"""Schemathesis makes requests from the OpenAPI description and compares what comes back with it."""

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from origin.app import create_app
from origin.registry import Registry
from origin.settings import Settings
from tests.conftest import RULES
from tests.models import model_bytes

OPERATIONS = [
    "GET /v1/recommend",
    "GET /v1/models/current",
    "POST /v1/models/rollback",
    "GET /v1/rules/current",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
]


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> schemathesis.schemas.BaseSchema:
    """The description of an application with a model; requests reach it through ASGI."""
    home = tmp_path_factory.mktemp("home")
    Registry(home / "registry").publish(model_bytes(), RULES)
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(Settings(home=home, api_key="secret")))


def test_all_operations_are_tried(schema: schemathesis.schemas.BaseSchema) -> None:
    described = [operation.ok().label for operation in schema.get_all_operations()]
    assert described == OPERATIONS


@pytest.mark.parametrize("label", OPERATIONS)
def test_the_application_is_as_described(schema: schemathesis.schemas.BaseSchema, label: str) -> None:
    method, path = label.split()
    operation = schema[path][method]

    for mode in schemathesis.GenerationMode:

        @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def try_it(case: schemathesis.Case) -> None:
            case.call_and_validate()

        try_it()
