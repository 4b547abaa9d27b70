"""Asks a server by the Model Context Protocol with the Python client that its authors publish, over HTTP and over standard input and output."""

import asyncio
import datetime
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import urllib.request

import anyio
from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
program = os.path.join(root, "residual")


class Slow(http.server.BaseHTTPRequestHandler):
    """Passes a request on, but for SQL, which it does not answer until who asked has gone."""

    server_to_ask = ""
    gone = threading.Event()

    def do_GET(self):
        if self.path.startswith("/v0/sql"):
            self.connection.settimeout(30)
            while self.connection.recv(1):
                pass
            Slow.gone.set()
            return
        request = urllib.request.Request(self.server_to_ask + self.path, headers={"Authorization": self.headers.get("Authorization", "")})
        with urllib.request.urlopen(request) as answer:
            body = answer.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


async def check(session, expected):
    """The tools that there are, an answer, an error, and that a call that is given up leaves the session as it was."""
    tools = {tool.name: tool for tool in (await session.list_tools()).tools}
    assert expected <= set(tools), sorted(tools)
    assert "time_window" in tools["model_performance_metrics"].input_schema["properties"]
    answer = await session.call_tool("model_performance_metrics", {"model_id": "price", "time_window": 48})
    assert not answer.is_error and json.loads(answer.content[0].text)["rows"][0][:6] == ["price", "v1", "production", 1, 2, 2], answer
    answer = await session.call_tool("list_models", {})
    assert json.loads(answer.content[0].text)["rows"][0][0] == "price", answer
    answer = await session.call_tool("model_performance_metrics", {"time_window": "abc"})
    assert answer.is_error and "time_window" in answer.content[0].text, answer
    answer = await session.call_tool("model_performance_metrics", {"windw": 1})
    assert answer.is_error and "windw" in answer.content[0].text, answer
    answer = await session.call_tool("sql", {"q": "SELECT count() FROM ml_model_predictions"})
    assert json.loads(answer.content[0].text)["rows"] == [[1]], answer
    try:
        await session.call_tool("no_such_tool", {})
        raise AssertionError("a tool that there is not has an answer")
    except Exception as error:
        assert "no_such_tool" in str(error), error
    prompt = await session.get_prompt("attention", {"model_id": "price"})
    assert "price" in prompt.messages[0].content.text
    assert (await session.read_resource("residual://docs/http.md")).contents[0].text.startswith("# The HTTP surface")


async def over_http(address, token):
    async with create_mcp_http_client(headers={"Authorization": "Bearer " + token}) as client, streamable_http_client(address + "/mcp", http_client=client) as streams:
        async with ClientSession(*streams[:2]) as session:
            await session.initialize()
            await check(session, {"list_models", "sql", "models", "predictions", "model_drift_report"})
            with anyio.move_on_after(0.001):
                await session.call_tool("predictions", {"model_id": "*"})
            await check(session, {"models"})
    print("over HTTP: ok")
    async with create_mcp_http_client(headers={"Authorization": "Bearer wrong"}) as client:
        answer = await client.post(address + "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert answer.status_code == 403 and "token" in answer.text, answer.text
    print("a wrong token: ok")


async def over_stdio(address, token):
    Slow.server_to_ask = address
    slow = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    slow.daemon_threads = True
    threading.Thread(target=slow.serve_forever, daemon=True).start()
    for server, waits in ((address, False), (f"http://127.0.0.1:{slow.server_address[1]}", True)):
        parameters = StdioServerParameters(command=program, args=["mcp", "--server", server], env={"RESIDUAL_TOKEN": token})
        async with stdio_client(parameters) as streams, ClientSession(*streams) as session:
            await session.initialize()
            if not waits:
                await check(session, {"list_models", "models"})
                continue
            with anyio.move_on_after(1) as scope:
                await session.call_tool("sql", {"q": "SELECT 1"})
            assert scope.cancelled_caught
            assert await asyncio.to_thread(Slow.gone.wait, 20), "the call was given up, and its request goes on"
            assert (await session.list_tools()).tools
    slow.shutdown()
    print("over standard input and output: ok; a call that is given up ends its request: ok")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        data = os.path.join(scratch, "data")
        token = subprocess.run([program, "token", "create", "all", "--scope", "ADMIN", "--data-dir", data], check=True, capture_output=True, text=True).stdout.strip()
        server = subprocess.Popen([program, "serve", "--data-dir", data, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            address = server.stdout.readline().split()[-1]
            event = {"timestamp": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S"), "model_id": "price", "prediction_id": "1", "features": "{}",
                     "predicted_value": 3, "actual_value": 1, "model_version": "v1", "environment": "production"}
            request = urllib.request.Request(address + "/v0/events?name=ml_model_predictions", json.dumps(event).encode(), {"Authorization": "Bearer " + token})
            urllib.request.urlopen(request).close()
            asyncio.run(over_http(address, token))
            asyncio.run(over_stdio(address, token))
        finally:
            server.terminate()
            server.wait(30)


sys.exit(main())
