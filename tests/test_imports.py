"""Imports run one way: each part of the project imports only parts listed before it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import PROJECT

MAY_IMPORT = {
    "wire": {"wire"},
    "finishes": set(),
    "refused_fields": set(),
    "locust_inside": set(),
    "providers": {"finishes", "locust_inside", "providers", "refused_fields", "wire"},
    "mock": {"mock"},
    "summary": {"finishes", "refused_fields", "summary"},
    "seeds": {"providers"},
    "prompts": {"prompts", "providers", "seeds"},
    "charts": {"charts", "summary"},
    "report": {"charts", "summary"},
    "harness": {
        "charts",
        "harness",
        "locust_inside",
        "providers",
        "wire",
        "mock",
        "refused_fields",
        "summary",
        "seeds",
        "prompts",
    },
    "locustfile": {"harness", "providers"},
}
HARNESS = """errors messages encodings decodings secrets exit_code process command_line load plan earlier_runs record
             watch run cluster runs harness"""
SUMMARY = """vocabulary run_files registry numbers cells confidence calls claims error_adjusted failures evidence
             validity gates goodput comparison baseline punctuality figures rows render"""
CHARTS = """data drawing latencies load output errors distributions capacity waterfall differences catalogue page
             live"""
FLOORS = {"harness": HARNESS.split(), "charts": CHARTS.split(), "summary": SUMMARY.split()}
"""The rooms of a part, each of which imports only those before it."""

MOST_FILES = 12
RELATED_PROVIDERS = {
    "azure_openai": {"openai"},
    "deepseek": {"openai"},
    "aws_tokens": {"aws_files"},
    "bedrock": {"aws_files", "aws_servers", "aws_tokens", "bedrock_families"},
    "vertex_ai": {"google_files", "google_tokens"},
}
SHARED_BY_PROVIDERS = {
    "answers", "base", "call", "claims", "conversation", "permit", "prompt", "secret_file", "settings", "token_servers",
}  # fmt: skip
STDLIB_ONLY = (
    "finishes.py", "refused_fields.py",
    "providers/call.py", "providers/conversation.py", "providers/prompt.py", "wire/exchange.py",
    "summary/registry.py", "charts/page/file.py",
)  # fmt: skip
SDKS = {"openai", "anthropic", "boto3", "botocore", "google", "locust", "gevent"}


SEEDS = tuple(str(path.relative_to(PROJECT)) for path in sorted((PROJECT / "prompts").glob("*.py")))


def imports_of(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def sources(part: str) -> list[Path]:
    single = PROJECT / f"{part}.py"
    return [single] if single.exists() else sorted((PROJECT / part).rglob("*.py"))


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_parts_listed_before_it(part: str) -> None:
    for path in sources(part):
        allowed = MAY_IMPORT[part] | ({"wire"} if path.name == "inprocess.py" else set())
        used = {module.split(".")[0] for module in imports_of(path)} & set(MAY_IMPORT)
        assert used <= allowed, path


@pytest.mark.parametrize("part", FLOORS)
def test_a_room_imports_only_rooms_below_it(part: str) -> None:
    floors = FLOORS[part]
    for path in sources(part):
        name = path.relative_to(PROJECT / part).parts[0].removesuffix(".py")
        if name == "__init__":
            continue
        below = set(floors[: floors.index(name) + 1])
        used = {module.split(".")[1] for module in imports_of(path) if module.startswith(f"{part}.")}
        assert used & set(floors) <= below, path


@pytest.mark.parametrize("part", FLOORS)
def test_no_room_has_too_many_files(part: str) -> None:
    for room in (PROJECT / part, *(folder for folder in (PROJECT / part).iterdir() if folder.is_dir())):
        assert len([path for path in room.glob("*.py") if path.name != "__init__.py"]) <= MOST_FILES, room


@pytest.mark.parametrize("path", sources("providers"), ids=lambda path: path.stem)
def test_providers_do_not_import_each_other(path: Path) -> None:
    used = {module.split(".")[1] for module in imports_of(path) if module.startswith("providers.")}
    assert used <= SHARED_BY_PROVIDERS | RELATED_PROVIDERS.get(path.stem, set()) | {path.stem}


@pytest.mark.parametrize("path", sources("providers"), ids=lambda path: path.stem)
def test_a_provider_works_without_locust(path: Path) -> None:
    if path.name != "user.py":
        assert not {module.split(".")[0] for module in imports_of(path)} & {"locust", "gevent", "harness"}


def test_no_provider_imports_locust() -> None:
    names = {path.stem for path in (PROJECT / "providers").glob("*.py")} - {"__init__", "user"}
    imports = ", ".join(f"providers.{name}" for name in sorted(names))
    command = f"import sys, {imports}; sys.exit('locust' in sys.modules)"
    subprocess.run([sys.executable, "-c", command], cwd=PROJECT, check=True)


@pytest.mark.parametrize("name", [*STDLIB_ONLY, *SEEDS])
def test_the_vocabulary_needs_nothing_but_the_standard_library(name: str) -> None:
    used = {module.split(".")[0] for module in imports_of(PROJECT / name)}
    assert not used & (SDKS | {"httpx2", "orjson", "pandas", "numpy"})


@pytest.mark.parametrize("part", ["report", "charts", "summary", "mock"])
def test_offline_parts_know_neither_locust_nor_an_sdk(part: str) -> None:
    for path in sources(part):
        if path.name != "inprocess.py":
            assert not {module.split(".")[0] for module in imports_of(path)} & SDKS, path


def test_a_run_starts_without_what_only_its_end_needs() -> None:
    """pandas takes a fifth of a second to import, questionary a tenth."""
    command = [sys.executable, "-c", "import sys, locustfile; print(*sys.modules)"]
    loaded = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "numpy", "plotly", "questionary", "openai", "anthropic", "boto3", "google.genai"} & set(
        loaded
    )


def test_the_top_level_has_only_what_the_map_names() -> None:
    """A command that was tried there by hand can leave files behind: `--fail-if p95>5` without quotes makes one."""
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    files = {name for name in listed.splitlines() if "/" not in name}
    assert files == {
        ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "finishes.py",
        "locust_inside.py", "locustfile.py", "models.json", "pyproject.toml", "refused_fields.py", "report.py",
        "requirements.lock", "seeds.py",
    }  # fmt: skip
