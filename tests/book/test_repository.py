"""The repository as a whole: locks, commands, budgets, and what no file may hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pybtex.database import parse_file

ROOT = Path(__file__).parents[2]
LOCKS = {"requirements.lock": "requirements.txt", "requirements-test.lock": "requirements-test.txt"}
PLAIN = {".py", ".md", ".txt", ".toml", ".yml", ".lock", ".sh", ".css", ".js", ".cfg", ".bib",
         ".csv", ".html", ""}
MARGIN = {".py", ".sh", ".js", ".css"}  # their lines have at most 100 characters
LIB_LINES, FILE_LINES = 2750, 250
NOTEBOOK_BYTES, FILE_BYTES = 1_000_000, 6_000_000

MACHINE_PATH = re.compile(r"(?<![\w.>)/}])/(?:home|root|Users|work|mnt)/\w|\b[A-Z]:\\\w")
# Written in pieces, so that this file does not hold what it forbids.
REGISTRY = re.compile("|".join(map("[.]".join, [
    ("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs"), ("deb", "debian"),
    ("conda", "anaconda", "org")])))
INDEX = re.compile(r"^\s*(?:--|-i\b|-f\b)|://", re.MULTILINE)


def tracked() -> list[Path]:
    """Return the files under version control, or all but made ones in an unpacked archive."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        names = filter(None, listing.stdout.split("\0"))
        return sorted(path for name in set(names) if (path := ROOT / name).is_file())
    made = {".git", ".venv", "_build", "_text", "__pycache__", ".pytest_cache", ".ruff_cache",
            ".hypothesis", ".ipynb_checkpoints"}
    return sorted(path for path in ROOT.rglob("*") if path.is_file()
                  and not made.intersection(path.relative_to(ROOT).parts)
                  and not any(part.endswith(".egg-info") for part in path.parts))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


FILES = {name_of(path): path for path in tracked()}


def text_problems(name: str, data: bytes) -> list[str]:
    """Return what is wrong with one text file, as sentences."""
    suffix = Path(name).suffix
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ["is not UTF-8"]
    found = [f"names a machine's path: {each}" for each in MACHINE_PATH.findall(text)]
    found += [f"names a registry's host: {each}" for each in REGISTRY.findall(text)]
    if text and not text.endswith("\n"):
        found.append("does not end with a line end")
    if "\r" in text:
        found.append("has a carriage return")
    if "\t" in text and Path(name).name != "Makefile":
        found.append("has a tab")
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip():
            found.append(f"line {number} ends with a space")
        if suffix in MARGIN and len(line) > 100:
            found.append(f"line {number} has {len(line)} characters")
    return found


def lock_entries(text: str) -> list[tuple[Requirement, int]]:
    """Return (requirement, number of hashes) of each entry of a lock file."""
    joined = re.sub(r"\\\n", " ", text)
    lines = [line for line in joined.splitlines() if line.strip() and line[0] not in "#-"]
    return [(Requirement(line.split(" --hash", 1)[0]),
             len(re.findall(r" --hash=sha256:[0-9a-f]{64}\b", line))) for line in lines]


def ranges(text: str) -> list[Requirement]:
    """Return the requirements of a requirements file, without those that it includes."""
    lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def lock_problems(lock: str, wanted: list[Requirement]) -> list[str]:
    """Return what is wrong with a lock file that has to serve the wanted ranges."""
    found = [f"line {line!r} gives an address or an option"
             for line in re.sub(r"--hash=\S+", "", lock).splitlines()
             if not line.startswith("#") and INDEX.search(line)]
    versions: dict[str, list[str]] = {}
    for entry, hashes in lock_entries(lock):
        pins = list(entry.specifier)
        if len(pins) != 1 or pins[0].operator != "==":
            found.append(f"{entry.name} is not pinned")
            continue
        if not hashes:
            found.append(f"{entry.name} has no hash")
        versions.setdefault(canonicalize_name(entry.name), []).append(pins[0].version)
    for requirement in wanted:
        locked = versions.get(canonicalize_name(requirement.name), [])
        if not locked:
            found.append(f"{requirement.name} is missing")
        found += [f"{requirement.name} {version} is outside {requirement.specifier}"
                  for version in locked if not requirement.specifier.contains(version)]
    return found


@pytest.mark.parametrize("name", [name for name in FILES if Path(name).suffix in PLAIN])
def test_text_file(name):
    assert text_problems(name, FILES[name].read_bytes()) == []


@pytest.mark.parametrize("data, sentence", [
    (b"see " + b"/".join([b"", b"home", b"ada"]) + b"\n", "machine's path"),
    (b"https://" + b".".join([b"pypi", b"org"]) + b"/simple\n", "registry's host"),
    (b"no end", "line end"), (b"a\r\n", "carriage return"), (b"a\tb\n", "a tab"),
    (b"\xff\n", "UTF-8"), (b"a \n", "line 1 ends with a space"),
    (b"x" * 101 + b"\n", "line 1 has 101 characters")])
def test_text_problem_is_seen(data, sentence):
    assert any(sentence in each for each in text_problems("sample.py", data))


@pytest.mark.parametrize("lock, source", LOCKS.items())
def test_lock(lock, source):
    wanted = ranges((ROOT / source).read_text()) + ranges((ROOT / "requirements.txt").read_text())
    assert lock_problems((ROOT / lock).read_text(), wanted) == []


@pytest.mark.parametrize("lock, sentence", [
    ("a==1\n", "a has no hash"),
    ("a>=1 \\\n    --hash=sha256:" + "0" * 64 + "\n", "a is not pinned"),
    ("a==3 \\\n    --hash=sha256:" + "0" * 64 + "\n", "a 3 is outside"),
    ("b==1 \\\n    --hash=sha256:" + "0" * 64 + "\n", "a is missing"),
    ("--index-url x\na==1\n", "an address or an option"),
    ("a @ https://x/a.whl\n", "an address or an option")])
def test_lock_problem_is_seen(lock, sentence):
    found = lock_problems(lock, [Requirement("a>=1,<2")])
    assert any(sentence in each for each in found), found


def test_test_lock_holds_the_readers_lock():
    readers, tests = ({str(entry) for entry, _ in lock_entries((ROOT / name).read_text())}
                      for name in LOCKS)
    assert readers < tests


def test_package_asks_for_what_the_requirements_give():
    metadata = (ROOT / "pyproject.toml").read_text()
    for line in re.findall(r'^    "([^"]+[0-9])",$', metadata, re.MULTILINE):
        assert line in (ROOT / "requirements.txt").read_text().splitlines()


def documented_commands() -> list[tuple[str, str]]:
    """Return (file, command) of each make, pip -r and tools/ command that a page tells to run."""
    pages = [name for name in FILES if name.endswith(".md") and not name.startswith("lib/")]
    pattern = r"(?:^|`)(?:\$ )?(make [a-z-]+|[^\n`]*-r [\w.-]+|[^\n`]*tools/\w+\.\w+)"
    return [(name, command) for name in pages
            for command in re.findall(pattern, FILES[name].read_text(), re.MULTILINE)]


def test_pages_tell_commands():
    told = {command for _, command in documented_commands()}
    assert {"make book", "make test", "make lab", "make refresh"} <= told


@pytest.mark.parametrize("page, command", documented_commands())
def test_documented_command_exists(page, command):
    if command.startswith("make "):
        target = command.split()[1]
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        for name in re.findall(r"-r ([\w.-]+)|(tools/\w+\.\w+)", command):
            assert "".join(name) in FILES


def test_help_names_every_command():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    helped = set(re.findall(r'@echo "make ([a-z-]+) ', makefile))
    assert targets - helped == {"help", "setup", "setup-test", "setup-parity"}
    assert helped <= targets


def test_api_page_shows_every_module():
    shown = set(re.findall(r"automodule:: lib\.(\w+)", (ROOT / "book" / "api.md").read_text()))
    modules = {Path(name).stem for name in FILES if re.fullmatch(r"lib/[a-z]\w*\.py", name)}
    assert shown == modules


def test_lib_is_small():
    # Lines with something on them: blank ones cost a reader no time.
    lines = {name: sum(map(bool, path.read_text().split("\n"))) for name, path in FILES.items()
             if re.fullmatch(r"lib/(?!figures/).*\.py", name)}
    assert sum(lines.values()) <= LIB_LINES, lines


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".py")])
def test_file_fits_a_few_screens(name):
    limit = FILE_LINES if name.startswith(("lib/", "tools/", "book/")) else 2 * FILE_LINES
    assert len(FILES[name].read_text().splitlines()) <= limit


@pytest.mark.parametrize("name", FILES)
def test_file_is_small(name):
    limit = NOTEBOOK_BYTES if name.endswith(".ipynb") else FILE_BYTES
    assert FILES[name].stat().st_size <= limit


@pytest.mark.parametrize("name", [name for name in FILES
                                  if name.endswith(".md") and "/" not in name])
def test_links_between_files_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)#\s]+)", FILES[name].read_text()):
        assert "://" in target or (ROOT / target).exists(), target


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
    script = ROOT / ".ci" / "run"
    assert script.read_text().rstrip().endswith("exec make test")
    assert "bash .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert re.search(r"^make test\b", (ROOT / "README.md").read_text(), re.MULTILINE)
