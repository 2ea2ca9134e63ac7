"""What the tests know about each provider: one file each, which defines `CASE`."""

from importlib import import_module
from pkgutil import iter_modules

from tests.cases.case import APICase, ProviderCase

_MODULES = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]


class _Cases(dict[str, ProviderCase]):
    def __missing__(self, provider: str) -> ProviderCase:
        raise LookupError(f"no file in tests/cases/ defines a CASE for {provider}")


CASES = _Cases({module.CASE.provider.name: module.CASE for module in _MODULES if hasattr(module, "CASE")})


def case_of(provider: str, api: str) -> APICase:
    """Return what the tests know about one API."""
    return CASES[provider].apis[api]
