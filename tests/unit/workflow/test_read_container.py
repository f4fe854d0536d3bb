"""Containers and services of jobs."""

from __future__ import annotations

import pytest

from terraphim_runner.workflow.job import Container, Credentials, NormalJob, Services
from terraphim_runner.workflow.reader import ReadResult, read_workflow
from terraphim_runner.workflow.value import Template, TemplateMap


def read(part: str) -> ReadResult:
    return read_workflow(f"on: push\njobs: {{a: {{runs-on: x, {part}, steps: [{{run: make}}]}}}}\n", "ci.yml")


def job(part: str) -> NormalJob:
    result = read(part)
    assert result.workflow is not None, result.diagnostics
    [found] = result.workflow.jobs
    assert isinstance(found, NormalJob)
    return found


def test_a_container_may_be_its_image_alone() -> None:
    found = job("container: debian:12").container

    assert isinstance(found, Container)
    assert str(found.image) == "debian:12"


def test_a_container_has_what_is_written() -> None:
    found = job(
        "container: {image: a, env: {B: c}, ports: [80, '81:81'], volumes: [/d:/d], options: --cpus 1,"
        " credentials: {username: u, password: '${{ secrets.P }}'}}"
    ).container

    assert isinstance(found, Container)
    assert isinstance(found.env, TemplateMap)
    assert isinstance(found.ports, tuple)
    assert [str(port) for port in found.ports] == ["80", "81:81"]
    assert isinstance(found.credentials, Credentials)
    assert str(found.credentials.password) == "${{ secrets.P }}"


@pytest.mark.parametrize("part", ["container: '${{ matrix.image }}'", "services: '${{ fromJSON(''{}'') }}'"])
def test_one_expression_may_stand_for_all_of_it(part: str) -> None:
    found = job(f"strategy: {{matrix: {{image: [a]}}}}, {part}")

    assert isinstance(found.container or found.services, Template)


def test_a_container_without_an_image_is_refused() -> None:
    assert [each.code for each in read("container: {options: x}").diagnostics] == ["container-without-image"]


def test_services_keep_their_names_and_order() -> None:
    found = job("services: {redis: redis:7, db: {image: postgres, entrypoint: /x, command: run}}").services

    assert isinstance(found, Services)
    (first, redis), (second, db) = found.containers
    assert (str(first), str(second)) == ("redis", "db")
    assert isinstance(redis, Container)
    assert isinstance(db, Container)
    assert (str(db.entrypoint), str(db.command)) == ("/x", "run")


@pytest.mark.parametrize(
    "part", ["container: 'docker://'", "container: {image: 'docker://'}", "services: {a: 'docker://'}"]
)
def test_a_scheme_without_an_image_is_refused(part: str) -> None:
    assert [each.message for each in read(part).diagnostics] == ["Container image cannot be empty"]


def test_an_empty_image_is_no_container_and_no_fault() -> None:
    assert read("container: ''").diagnostics == ()
