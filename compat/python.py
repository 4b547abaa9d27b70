"""Runs the blocks of docs/python.md and docs/rows.md, each against a server of its own, and compares what each prints with the block after it."""

import contextlib
import glob
import io
import os
import re
import subprocess
import sys
import tempfile

import duckdb
import duckdb_extension_httpfs

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
program = os.path.join(root, "residual")

# DuckDB gets the extension that reads addresses from its own server the first time; here it is a package of pip.
[extension] = glob.glob(os.path.join(os.path.dirname(duckdb_extension_httpfs.__file__), "extensions", "*", "*.duckdb_extension"))
duckdb.sql(f"INSTALL '{extension}'")


def run(name, at_least, events=()):
    """Runs the blocks of a document, and returns how many print something else than the document says."""
    with open(os.path.join(root, "docs", name), encoding="utf-8") as document:
        blocks = re.findall(r"```python\n(.*?)```(?:\n```text\n(.*?)```)?", document.read(), re.S)
    assert len(blocks) >= at_least, f"{len(blocks)} blocks found"
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        server = subprocess.Popen(
            [program, "serve", "--data-dir", os.path.join(scratch, "data"), "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            address = server.stdout.readline().split()[-1]
            os.chdir(scratch)
            if events:
                subprocess.run([program, "generate", "--output", "events.ndjson", *events], check=True)
                subprocess.run([program, "ingest", "--server", address, "events.ndjson"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            names = {}
            for number, (code, want) in enumerate(blocks, 1):
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    exec(compile(code.replace("http://127.0.0.1:7181", address), f"block {number}", "exec"), names)
                same = printed.getvalue() == want
                failed += not same
                print(f"{name}, block {number}: {'ok' if same else 'differs'}")
                if not same:
                    print("--- in the document\n" + want + "--- printed\n" + printed.getvalue())
        finally:
            os.chdir(root)
            server.terminate()
            server.wait(30)
    return failed


failed = run("python.md", 6) + run("rows.md", 2, ["--rows", "100000", "--to", "2026-01-01", "--waiting-share", "0.1"])
sys.exit(1 if failed else 0)
