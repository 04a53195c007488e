"""An API server of dictionaries on loopback that lets everybody in and notes what it is asked.

As much of Kubernetes' API as the operator uses: discovery, lists, single objects, watches that stay
silent, server-side apply, merge patches, and new Events.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web
from tests.operator.small_cluster import SmallPod

from kurs.config.resources import API_VERSION
from kurs_operator.cluster import GROUP, HEADS, PLURALS, VERSION

NAMESPACE = "kurs"
EXTENSIONS = "apiextensions.k8s.io"
APPLY = "application/apply-patch+yaml"
Content = dict[str, Any]


class Asked(NamedTuple):
    """What an authorizer judges: the group, the resource with its subresource, verb and name."""

    group: str
    resource: str
    verb: str
    name: str = ""


class SmallApiServer:
    """Holds objects by resource and name; `asked` is all that had to be allowed."""

    def __init__(self, objects: Mapping[str, list[Content]]) -> None:
        self.objects = {
            resource: {content["metadata"]["name"]: content for content in contents}
            for resource, contents in objects.items()
        }
        self.asked: set[Asked] = set()
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["SmallApiServer"]:
        app = web.Application()
        versions = [{"groupVersion": API_VERSION, "version": VERSION}]
        # kopf waits until it has found the kind of namespaces, though it never asks for one.
        kinds = {"ConfigMap": "configmaps", "Pod": "pods", "Namespace": "namespaces"}
        for path, content in (
            ("/api", {"versions": ["v1"]}),
            ("/api/v1", _kinds(kinds)),
            (
                "/apis",
                {
                    "groups": [
                        {"name": GROUP, "versions": versions, "preferredVersion": versions[0]}
                    ]
                },
            ),
            (f"/apis/{API_VERSION}", _kinds(PLURALS)),
        ):
            app.router.add_get(path, _always(content))
        namespace = f"/namespaces/{NAMESPACE}"
        for prefix, group in (
            (f"/api/v1{namespace}", ""),
            (f"/apis/{GROUP}/{VERSION}{namespace}", GROUP),
            (f"/apis/{EXTENSIONS}/v1", EXTENSIONS),
        ):
            path = f"{prefix}/{{resource}}"
            for method, tail in (
                ("GET", ""), ("GET", "/{name}"), ("POST", ""),
                ("PATCH", "/{name}"), ("PATCH", "/{name}/{sub}"),
            ):  # fmt: skip
                app.router.add_route(method, path + tail, self._handler(group))
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def _handler(self, group: str) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            resource = request.match_info["resource"]
            if name := request.match_info.get("name") if request.method == "GET" else None:
                self.asked.add(Asked(group, resource, "get", name))
                known = self.objects.get(resource, {})
                return web.json_response(known[name]) if name in known else _refusal(404)
            if request.method == "GET":
                watches = "watch" in request.query
                self.asked.add(Asked(group, resource, "watch" if watches else "list"))
                return await _silence(request) if watches else self._list(resource)
            content = await request.json()
            if request.method == "POST":
                self.asked.add(Asked(group, resource, "create"))
                known = self.objects.setdefault(resource, {})
                if known.setdefault(content["metadata"]["name"], content) is not content:
                    return _refusal(409)
                return web.json_response(content, status=201)
            return web.json_response(self._patch(request, group, resource, content))

        return handle

    def _list(self, resource: str) -> web.Response:
        items = list(self.objects.get(resource, {}).values())
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": items})

    def _patch(self, request: web.Request, group: str, resource: str, content: Content) -> Content:
        name, sub = request.match_info["name"], request.match_info.get("sub")
        whole = f"{resource}/{sub}" if sub else resource
        self.asked.add(Asked(group, whole, "patch", name))
        known = self.objects.setdefault(resource, {})
        if name not in known:
            # https://kubernetes.io/docs/reference/using-api/server-side-apply/: apply may create.
            assert request.content_type == APPLY, f"there is no {whole} {name}"
            self.asked.add(Asked(group, whole, "create"))
        known[name] = _merged(known.get(name, {}), content)
        return known[name]


def objects() -> dict[str, list[Content]]:
    """Return two pods whose mounts are to be refreshed, and what the chart makes for heads."""
    pods = []
    for service in ("fx", "risk"):
        body = SmallPod(f"{service}-0", service).body()
        body["metadata"]["labels"]["app.kubernetes.io/part-of"] = "kurs"
        # Nobody listens there, so that every question of the operator fails at once.
        body["status"]["podIP"] = "127.0.0.1"
        body["spec"]["containers"][0].update(name=service)
        pods.append(body)
    return {"pods": pods, "configmaps": [{"metadata": {"name": HEADS}}]}


def _refusal(code: int) -> web.Response:
    reason = {404: "NotFound", 409: "AlreadyExists"}[code]
    content = {"kind": "Status", "status": "Failure", "code": code, "reason": reason}
    body = json.dumps({**content, "message": "no"}).encode()
    # Without a charset, as the real one answers.
    return web.Response(body=body, status=code, content_type="application/json")


def _merged(old: Content, new: Content) -> Content:
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        merged[key] = _merged(before, value) if both else value
    return merged


def _kinds(plurals: Mapping[str, str]) -> Content:
    verbs = ["create", "get", "list", "patch", "update", "watch"]
    resources = [
        {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": True,
         "verbs": verbs}
        for kind, plural in plurals.items()
    ]  # fmt: skip
    return {"resources": resources}


def _always(content: Content) -> Any:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(content)

    return answer


async def _silence(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    await asyncio.sleep(3600)
    return answer
