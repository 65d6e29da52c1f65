"""A Hugging Face hub on loopback: what huggingface_hub and datasets use of its protocol.

It keeps repositories in memory, with commits, branches and files. Large files are uploaded by the basic transfer of
Git LFS, and their SHA-256 is verified. It records every request, and what was uploaded.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import in_thread

TOKEN = "hf_a_token_of_the_tests"
READ_ONLY = "hf_a_token_that_may_only_read"


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Repository:
    """The commits of a repository: the files of each, and which commit each branch or tag is."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    fault: tuple[int, dict[str, str]] | None = None  # the answer to every request: status and headers

    def commit(self, files: Mapping[str, bytes], branch: str = "main", message: str = "") -> str:
        before = self.commits.get(self.refs.get(branch, ""), {})
        content = {**before, **files}
        names = json.dumps([self.refs.get(branch), message, sorted((k, git_oid(v)) for k, v in content.items())])
        oid = hashlib.sha1(names.encode()).hexdigest()
        self.commits[oid] = content
        self.refs[branch] = oid
        return oid

    def find(self, revision: str) -> str | None:
        oid = self.refs.get(revision, revision)
        return oid if oid in self.commits else None


class Hub(ThreadingHTTPServer):
    """The server. `repositories` has the keys models/USER/NAME and datasets/USER/NAME."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.clear()

    def clear(self) -> None:
        """Forget all repositories, requests and faults."""
        self.repositories: dict[str, Repository] = {}
        self.lfs: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []  # method and path
        self.agents: set[str] = set()
        self.fault: tuple[int, dict[str, str]] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, name: str, files: Mapping[str, bytes], kind: str = "models", **options: Any) -> str:
        """Create a repository if there is none, and commit the files to main. Return the commit."""
        repository = self.repositories.setdefault(f"{kind}/{name}", Repository(**options))
        return repository.commit(files)

    def files(self, name: str, branch: str = "main") -> dict[str, bytes]:
        repository = self.repositories[f"models/{name}"]
        return repository.commits[repository.refs[branch]]


class _Answer(Exception):
    def __init__(self, status: int, content: Any = b"", **headers: str):
        self.status = status
        self.content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *arguments: Any) -> None:
        pass

    def _handle(self) -> None:
        self.server.requests.append((self.command, self.path))
        self.server.agents.add(self.headers.get("user-agent", ""))
        self.body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("transfer-encoding") == "chunked":
            self.body = self._chunks()
        url = urlsplit(self.path)
        self.query = parse_qs(url.query)
        try:
            if self.server.fault:
                raise _Answer(self.server.fault[0], b"{}", **self.server.fault[1])
            self._route(url.path.strip("/").split("/"))
            raise _Answer(404, {"error": "Not found"})
        except _Answer as answer:
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.content)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.content)

    do_GET = do_HEAD = do_POST = do_PUT = _handle

    def _chunks(self) -> bytes:
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    @property
    def token(self) -> str | None:
        return (self.headers.get("authorization") or "").removeprefix("Bearer ") or None

    def _route(self, parts: list[str]) -> None:
        match parts:
            case [""]:
                raise _Answer(200)
            case ["lfs", oid] if self.command == "PUT":
                if hashlib.sha256(self.body).hexdigest() != oid:
                    raise _Answer(400, {"error": "another SHA-256"})
                self.server.lfs[oid] = self.body
                raise _Answer(200)
            case ["api", "validate-yaml"]:
                raise _Answer(200, {"errors": [], "warnings": []})
            case ["api", "whoami-v2"]:
                self._require_token()
                raise _Answer(200, {"name": "ann", "type": "user", "orgs": []})
            case ["api", "repos", "create"]:
                self._create(json.loads(self.body))
            case ["api", ("models" | "datasets") as kind, user, name, *rest]:
                self._api(f"{kind}/{user}/{name}", rest)
            case ["datasets", user, name, "resolve", revision, *path]:
                self._resolve(f"datasets/{user}/{name}", unquote(revision), "/".join(path))
            case [user, name, "resolve", revision, *path]:
                self._resolve(f"models/{user}/{name}", unquote(revision), "/".join(path))
            case [user, name, "info", "lfs", "objects", "batch"]:
                self._require_token(write=True)
                self._lfs_batch(json.loads(self.body))

    def _require_token(self, write: bool = False) -> None:
        if self.token is None:
            raise _Answer(401, {"error": "Invalid username or password."}, X_Error_Message="Invalid username")
        if self.token not in (TOKEN, READ_ONLY):
            message = "Invalid credentials in Authorization header"
            raise _Answer(401, {"error": message}, X_Error_Message=message)
        if write and self.token == READ_ONLY:
            raise _Answer(403, {"error": "you must use a write token"}, X_Error_Message="you must use a write token")

    def _repository(self, key: str) -> Repository:
        repository = self.server.repositories.get(key)
        if repository is not None and repository.fault is not None:
            raise _Answer(repository.fault[0], b"{}", **repository.fault[1])
        if self.token is not None:
            self._require_token()
        if repository is None or (repository.private and self.token is None):
            if self.token is None:
                raise _Answer(401, {"error": "Invalid username or password."}, X_Error_Message="Invalid username")
            raise _Answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
        return repository

    def _commit_of(self, repository: Repository, revision: str) -> str:
        oid = repository.find(revision)
        if oid is None:
            raise _Answer(404, {"error": f"Invalid rev id: {revision}"}, X_Error_Code="RevisionNotFound")
        return oid

    def _create(self, wanted: dict[str, Any]) -> None:
        self._require_token(write=True)
        kind = f"{wanted.get('type') or 'model'}s"
        name = f"{wanted.get('organization') or 'ann'}/{wanted['name']}"
        if wanted.get("organization") not in (None, "ann"):
            raise _Answer(403, {"error": f"no rights in {wanted['organization']}"}, X_Error_Message="no rights")
        if f"{kind}/{name}" in self.server.repositories:
            raise _Answer(409, {"error": "You already created this model repo", "url": f"{self.server.url}/{name}"})
        private = wanted.get("private") or wanted.get("visibility") == "private"
        self.server.add(name, {".gitattributes": b"*.safetensors filter=lfs\n"}, kind, private=bool(private))
        raise _Answer(200, {"url": f"{self.server.url}/{name}", "name": name, "id": name})

    def _api(self, key: str, rest: list[str]) -> None:
        repository = self._repository(key)
        match [unquote(each) for each in rest]:
            case [] | ["revision", _]:
                oid = self._commit_of(repository, unquote(rest[1]) if rest else "main")
                raise _Answer(200, self._info(key, repository, oid))
            case ["branch", branch]:
                self._require_token(write=True)
                if branch in repository.refs:
                    raise _Answer(409, {"error": "Reference already exists"})
                repository.refs[branch] = repository.refs["main"]
                raise _Answer(201)
            case ["refs"]:
                branches = [
                    {"name": n, "ref": f"refs/heads/{n}", "targetCommit": c} for n, c in repository.refs.items()
                ]
                raise _Answer(200, {"branches": branches, "converts": [], "tags": []})
            case ["preupload", revision]:
                self._require_token(write=True)
                files = self._files_now(repository, revision)
                raise _Answer(200, {"files": [self._mode(each, files) for each in json.loads(self.body)["files"]]})
            case ["commit", revision]:
                self._require_token(write=True)
                self._commit(key, repository, revision)
            case ["tree", revision, *path]:
                oid = self._commit_of(repository, revision)
                raise _Answer(200, self._tree(repository.commits[oid], "/".join(path)))
            case ["paths-info", revision]:
                files = repository.commits[self._commit_of(repository, revision)]
                sent = self.body.decode()
                try:
                    paths = json.loads(sent)["paths"]
                except ValueError:
                    paths = parse_qs(sent)["paths"]
                paths = [paths] if isinstance(paths, str) else paths
                raise _Answer(200, [self._entry(path, files[path]) for path in paths if path in files])

    def _info(self, key: str, repository: Repository, oid: str) -> dict[str, Any]:
        name = key.partition("/")[2]
        siblings = [{"rfilename": path} for path in repository.commits[oid]]
        more = {"cardData": {}, "createdAt": "2026-01-01T00:00:00.000Z", "lastModified": "2026-01-01T00:00:00.000Z"}
        return (
            {"id": name, "modelId": name, "sha": oid, "private": repository.private, "siblings": siblings}
            | more
            | {"disabled": False, "gated": False, "tags": [], "downloads": 0, "likes": 0}
        )

    def _entry(self, path: str, content: bytes) -> dict[str, Any]:
        entry = {"type": "file", "oid": git_oid(content), "size": len(content), "path": path}
        if path.endswith((".safetensors", ".parquet")):
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return entry

    def _tree(self, files: Mapping[str, bytes], folder: str) -> list[dict[str, Any]]:
        deep = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        entries: dict[str, dict[str, Any]] = {}
        for path, content in files.items():
            if folder and not path.startswith(f"{folder}/"):
                continue
            below = path[len(folder) + 1 if folder else 0 :].split("/")
            for depth in range(1, len(below)):
                name = "/".join([*filter(None, [folder]), *below[:depth]])
                if deep or depth == 1:
                    entries[name] = {"type": "directory", "oid": git_oid(name.encode()), "size": 0, "path": name}
            if deep or len(below) == 1:
                entries[path] = self._entry(path, content)
        if folder and not entries:
            raise _Answer(404, {"error": f"{folder} does not exist"}, X_Error_Code="EntryNotFound")
        return list(entries.values())

    def _resolve(self, key: str, revision: str, path: str) -> None:
        repository = self._repository(key)
        oid = self._commit_of(repository, revision)
        content = repository.commits[oid].get(unquote(path))
        if content is None:
            raise _Answer(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound", X_Repo_Commit=oid)
        is_lfs = path.endswith((".safetensors", ".parquet"))
        etag = hashlib.sha256(content).hexdigest() if is_lfs else git_oid(content)
        headers = {"X_Repo_Commit": oid, "ETag": f'"{etag}"', "Accept_Ranges": "bytes"}
        if (wanted := self.headers.get("range", "")).startswith("bytes=") and self.command == "GET":
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last) + 1 if last else len(content), len(content))
            headers["Content_Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
            raise _Answer(206, content[start:stop], **headers)
        raise _Answer(200, content, **headers)

    def _files_now(self, repository: Repository, branch: str) -> dict[str, bytes]:
        return repository.commits[self._commit_of(repository, branch)]

    def _mode(self, wanted: dict[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
        path = wanted["path"]
        mode = "lfs" if path.endswith(".safetensors") else "regular"
        answer = {"path": path, "uploadMode": mode, "shouldIgnore": False}
        if path in files:
            answer["oid"] = hashlib.sha256(files[path]).hexdigest() if mode == "lfs" else git_oid(files[path])
        return answer

    def _lfs_batch(self, wanted: dict[str, Any]) -> None:
        objects = []
        for each in wanted["objects"]:
            upload = {"href": f"{self.server.url}/lfs/{each['oid']}"}
            known = each["oid"] in self.server.lfs
            objects.append({**each} if known else {**each, "actions": {"upload": upload}})
        raise _Answer(200, {"transfer": "basic", "objects": objects}, Content_Type="application/vnd.git-lfs+json")

    def _commit(self, key: str, repository: Repository, branch: str) -> None:
        self._commit_of(repository, branch)
        files, message = {}, ""
        for line in self.body.splitlines():
            operation = json.loads(line)
            value = operation["value"]
            match operation["key"]:
                case "header":
                    message = value["summary"]
                case "file":
                    assert value["encoding"] == "base64"
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.server.lfs[value["oid"]]
        oid = repository.commit(files, branch, message)
        name = key.partition("/")[2]
        url = f"{self.server.url}/{name}/commit/{oid}"
        raise _Answer(200, {"success": True, "commitUrl": url, "commitOid": oid, "hookOutput": ""})


def hub() -> AbstractContextManager[Hub]:
    """Run a hub in a thread of this process."""
    return in_thread.serving(Hub())
