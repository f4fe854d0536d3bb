"""`container:` and `services:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.workflow.job import Container, Credentials, Services
from terraphim_runner.workflow.node import MappingNode, Node, ScalarNode
from terraphim_runner.workflow.read_value import key_of, template, template_map, templates

if TYPE_CHECKING:
    from terraphim_runner.workflow.report import Report
    from terraphim_runner.workflow.value import Template

_SCHEME = "docker://"
_NO_IMAGE = "container-without-image"
_EMPTY = "Container image cannot be empty"


def read_container(node: Node | None, report: Report) -> Container | Template | None:
    """Read a container: an image, a mapping, or an expression for either."""
    if isinstance(node, ScalarNode):
        image = template(node)
        _check_image(image, node, report)
        return image if image is not None and image.literal is None else Container(image, node.span)
    if not isinstance(node, MappingNode):
        return None
    if node.get("image") is None and not _is_computed(node):
        report.error(node.span, _NO_IMAGE, _EMPTY, "add `image`")
    _check_image(template(node.get("image")), node, report)
    return Container(
        template(node.get("image")),
        node.span,
        env=template_map(node.get("env")),
        ports=templates(node.get("ports")),
        volumes=templates(node.get("volumes")),
        options=template(node.get("options")),
        credentials=_credentials(node.get("credentials")),
        entrypoint=template(node.get("entrypoint")),
        command=template(node.get("command")),
    )


def read_services(node: Node | None, report: Report) -> Services | Template | None:
    """Read service containers, or an expression for all of them."""
    if not isinstance(node, MappingNode):
        return template(node)
    read = ((key_of(key), read_container(each, report)) for key, each in node.entries)
    return Services(node.span, tuple((name, each) for name, each in read if each is not None))


def _check_image(image: Template | None, node: Node, report: Report) -> None:
    """Refuse a scheme without an image; an empty string is no fault, and no container."""
    if image is not None and image.literal == _SCHEME:
        report.error(node.span, _NO_IMAGE, _EMPTY, f"name an image behind {_SCHEME}")


def _is_computed(node: MappingNode) -> bool:
    return any(key.template is not None for key, _ in node.entries)


def _credentials(node: Node | None) -> Credentials | Template | None:
    if not isinstance(node, MappingNode):
        return template(node)
    return Credentials(node.span, template(node.get("username")), template(node.get("password")))
