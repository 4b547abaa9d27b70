"""Runs the blocks of docs/python.md against a server of its own, and compares what each prints with the block after it."""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(root, "docs", "python.md"), encoding="utf-8") as document:
    blocks = re.findall(r"```python\n(.*?)```(?:\n```text\n(.*?)```)?", document.read(), re.S)
assert len(blocks) >= 6, f"{len(blocks)} blocks found"

with tempfile.TemporaryDirectory() as scratch:
    server = subprocess.Popen(
        [os.path.join(root, "residual"), "serve", "--data-dir", os.path.join(scratch, "data"), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    failed = 0
    try:
        address = server.stdout.readline().split()[-1]
        os.chdir(scratch)
        names = {}
        for number, (code, want) in enumerate(blocks, 1):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code.replace("http://127.0.0.1:7181", address), f"block {number}", "exec"), names)
            same = printed.getvalue() == want
            failed += not same
            print(f"block {number}: {'ok' if same else 'differs'}")
            if not same:
                print("--- in the document\n" + want + "--- printed\n" + printed.getvalue())
    finally:
        server.terminate()
        server.wait(30)
sys.exit(1 if failed else 0)
