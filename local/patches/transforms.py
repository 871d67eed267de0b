"""CloudFormation: SAM's transform sees the values of parameters, where MiniStack gives it the defaults alone."""

from contextvars import ContextVar
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers
from samtranslator.translator import transform as sam

_values: ContextVar[dict[str, Any]] = ContextVar("values", default={})  # noqa: B039 - it is never changed


def install() -> None:
    """Wrap the transform, and what calls it."""
    original_transform, original_apply = sam.transform, engine._apply_transforms

    def transform(template: Any, _parameters: Any, loader: Any) -> Any:
        return original_transform(template, dict(_values.get()), loader)

    def apply(template: Any, provided_params: Any = None, previous_params: Any = None) -> Any:
        token = _values.set(engine._transform_parameters(template, provided_params, previous_params))
        try:
            return original_apply(template, provided_params, previous_params)
        finally:
            _values.reset(token)

    sam.transform = transform
    for module in (engine, changesets, handlers):
        module._apply_transforms = apply
