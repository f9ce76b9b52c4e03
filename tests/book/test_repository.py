"""The repository as a whole: what is installed, what pages tell, and what no file may hold."""

from __future__ import annotations

import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pybtex.database import parse_file

ROOT = Path(__file__).parents[2]
FILE_LINES = 300
REQUIREMENTS = ("requirements.txt", "requirements-cluster.txt", "requirements-test.txt")

# In a notebook's file, A:\n" is a line that ends.
MACHINE_PATH = re.compile(r"(?<![\w.>)/}])/(?:home|root|Users|work|mnt)/\w"
                          r"|\b[A-Z]:\\(?!n['\"])\w")
# Written in pieces, so that this file does not hold what it forbids.
REGISTRY = re.compile("|".join(map("[.]".join, [
    ("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs"), ("deb", "debian"),
    ("conda", "anaconda", "org")])))


def tracked() -> dict[str, Path]:
    """The files under version control or to be, by name; all but made ones without git."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        names = filter(None, listing.stdout.split("\0"))
    else:
        made = {".git", ".venv", "_build", "_text", "__pycache__", ".pytest_cache", ".ruff_cache",
                ".hypothesis", ".ipynb_checkpoints", "mutants", "runs"}
        paths = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        names = (path.as_posix() for path in paths if not made.intersection(path.parts))
    return {name: ROOT / name for name in sorted(set(names)) if (ROOT / name).is_file()}


FILES = tracked()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def places(text: str) -> list[str]:
    """The paths of a machine and hosts of a registry that a text names."""
    return MACHINE_PATH.findall(text) + REGISTRY.findall(text)


def requirements(name: str) -> list[Requirement]:
    lines = (line.split("#", 1)[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def lock_problems(lock: str, wanted: list[Requirement]) -> list[str]:
    """What is wrong with a lock file that has to serve the wanted ranges, as sentences."""
    found, versions = [], {}
    for entry in re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", lock, flags=re.MULTILINE)).splitlines():
        words, *hashes = entry.split(" --hash=sha256:")
        pin = re.fullmatch(r"([\w.-]+)==([\w.+]+)( ;.*)?", words.strip())
        if pin is None:
            found.append(f"{words!r} is not a pinned package")
            continue
        if not hashes or not all(re.fullmatch(r"[0-9a-f]{64}", each.strip()) for each in hashes):
            found.append(f"{pin[1]} has no hash")
        versions.setdefault(canonicalize_name(pin[1]), []).append(pin[2])
    for requirement in wanted:
        locked = versions.get(canonicalize_name(requirement.name), [])
        if not locked:
            found.append(f"{requirement.name} is missing")
        found += [f"{requirement.name} {version} is outside {requirement.specifier}"
                  for version in locked if not requirement.specifier.contains(version)]
    return found


def test_no_file_names_a_place_on_a_machine_or_a_registry():
    found = {}
    for name, path in FILES.items():
        try:
            found[name] = places(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            assert path.suffix in {".npz", ".png", ".wasm", ".woff2"}, f"{name} is no text"
    assert {name: each for name, each in found.items() if each} == {}
    assert places("see " + "/".join(["", "home", "ada"])) and places("C:" + "\\temp")
    assert places("https://" + ".".join(["pypi", "org"]) + "/simple")


def test_the_lock_serves_all_requirements():
    wanted = [each for name in REQUIREMENTS for each in requirements(name)]
    assert len(wanted) > 20
    assert lock_problems((ROOT / "requirements.lock").read_text(), wanted) == []


HASH = " \\\n    --hash=sha256:" + "0" * 64


@pytest.mark.parametrize("lock, sentence", [
    ("a==1\n", "a has no hash"), (f"a>=1{HASH}\n", "not a pinned package"),
    (f"a==3{HASH}\n", "a 3 is outside"), (f"b==1{HASH}\n", "a is missing"),
    (f"--index-url x\na==1{HASH}\n", "not a pinned package"),
    (f"a @ https://x/a.whl{HASH}\n", "not a pinned package")])
def test_a_problem_of_a_lock_is_seen(lock, sentence):
    found = lock_problems(lock, [Requirement("a>=1,<2")])
    assert any(sentence in each for each in found), found


def test_the_package_asks_for_little_and_readers_have_it():
    core = PROJECT["project"]["dependencies"]
    assert {Requirement(line).name for line in core} == {"numpy", "threadpoolctl", "tqdm"}
    assert set(core) < set((ROOT / "requirements.txt").read_text().splitlines())
    extras = PROJECT["tool"]["setuptools"]["dynamic"]["optional-dependencies"]
    book, cluster, test = REQUIREMENTS
    assert {name: each["file"] for name, each in extras.items()} == {
        "book": [book], "cluster": [cluster], "test": [test, cluster]}


def test_the_package_takes_its_data_along():
    settings = PROJECT["tool"]["setuptools"]
    patterns = [f"lib/{pattern}" for pattern in settings["package-data"]["lib"]]
    data = [name for name in FILES if name.startswith("lib/") and not name.endswith((".py", ".md"))]
    assert data
    assert [name for name in data if not any(fnmatch(name, each) for each in patterns)] == []


def test_documented_commands_exist():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    pattern = r"(?:^|`)(?:\$ )?(make [a-z-]+|[^\n`]*-r [\w.-]+|[^\n`]*tools/\w+\.\w+)"
    told = {command: name for name in FILES if name.endswith(".md")
            for command in re.findall(pattern, FILES[name].read_text(), re.MULTILINE)}
    assert {"make book", "make test", "make lab", "make refresh"} <= set(told)
    for command, page in told.items():
        if command.startswith("make "):
            assert command.split()[1] in targets, f"{page}: {command}"
        else:
            for names in re.findall(r"-r ([\w.-]+)|(tools/\w+\.\w+)", command):
                assert "".join(names) in FILES, f"{page}: {command}"


def test_pages_show_every_module():
    core = {name for name in FILES if re.fullmatch(r"lib/[a-z]\w*\.py", name)}
    api = re.findall(r"automodule:: ([\w.]+)", (ROOT / "book" / "api.md").read_text())
    assert core <= {f"{name.replace('.', '/')}.py" for name in api} <= set(FILES)
    named = {f"lib/{name}" for name in re.findall(r"^\| `([\w./]+)`",
                                                  FILES["lib/README.md"].read_text(), re.MULTILINE)}
    files = {name for name in FILES if re.fullmatch(r"lib/(?!figures/)[\w/]+\.py", name)
             and not name.endswith("/__init__.py")}
    folders = {f"{path.parent.relative_to(ROOT).as_posix()}/" for name, path in FILES.items()
               if name.startswith("lib/") and name.count("/") > 1}
    assert named == files | folders


def test_a_file_fits_a_few_screens():
    for name, path in FILES.items():
        limit = FILE_LINES * (2 if name.startswith("tests/") else 1)
        assert not name.endswith(".py") or len(path.read_text().splitlines()) <= limit, name


def test_links_between_files_lead_somewhere():
    for name in (name for name in FILES if name.endswith(".md") and "/" not in name):
        for target in re.findall(r"\]\(([^)#\s]+)", FILES[name].read_text()):
            assert "://" in target or (ROOT / target).exists(), f"{name}: {target}"


def test_bibliography_is_complete():
    entries = parse_file(str(ROOT / "book" / "references.bib")).entries
    assert len(entries) >= 25
    for key, entry in entries.items():
        assert re.fullmatch(r"[a-z-]+\d{4}[a-z0-9]+", key), key
        assert {"title", "year"} <= set(entry.fields), key
        assert {"eprint", "url", "doi"} & set(entry.fields), key
        assert entry.persons.get("author"), key
        assert entry.fields["year"] in key, key


def test_ci_runs_the_documented_test_command():
    commands = (ROOT / ".ci" / "run").read_text().splitlines()[-2:]
    assert commands == ["make test", 'exec make everywhere EVERYWHERE_OPTIONS="-s draw"']
    assert "bash .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert re.search(r"^make test\b", (ROOT / "README.md").read_text(), re.MULTILINE)
