"""The tutorial from its first line to its last with Tinybird's own client against a server, and what that client does besides: broken files,
deployments that wait, files of rows, tokens; then a deploy of Tinybird's TypeScript SDK. Needs curl and Node.js.

usage: tb.py <the client's program> <the folder in which npm has installed the SDK>"""

import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
program = os.path.join(root, "residual")
client, sdk = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
work = tempfile.mkdtemp(prefix="residual-tb-")
project = os.path.join(work, "project")
steps = 0
running = []


def residual(*args):
    return subprocess.run([program, *args], check=True, capture_output=True, text=True).stdout


class Server:
    """A server of a data directory, until stop."""

    def __init__(self, data):
        self.process = subprocess.Popen([program, "serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--log-level", "warn"],
                                        stdout=subprocess.PIPE, text=True)
        running.append(self.process)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.url = line.split()[2]

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0


def environment(server, token):
    """What the client sees: a home of its own, nothing of this machine's settings, and no telemetry."""
    return {"PATH": os.environ["PATH"], "HOME": work, "LANG": "C.UTF-8", "NO_COLOR": "1", "TB_CLI_TELEMETRY_OPTOUT": "1", "TB_VERSION_WARNING": "0",
            "TB_HOST": server.url, "TB_TOKEN": token}


def tb(*args, server, token="any", code=0, has=(), lacks=()):
    """Runs the client and holds what it prints, without white space that its tables fold, to what it must have."""
    global steps
    steps += 1
    run = subprocess.run([client, *args], cwd=project, env=environment(server, token), stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    print(f"tb {' '.join(args)}: {run.returncode}")
    folded = re.sub(r"\s+", " ", run.stdout)
    for text in [has] if isinstance(has, str) else has:
        assert text in folded, f"{text!r} is not in:\n{run.stdout}"
    for text in [lacks] if isinstance(lacks, str) else lacks:
        assert text not in folded, f"{text!r} is in:\n{run.stdout}"
    assert (run.returncode == 0) == (code == 0), f"exit code {run.returncode}:\n{run.stdout}"
    return run.stdout


def curl(*args):
    global steps
    steps += 1
    return subprocess.run(["curl", "-sS", *args], check=True, capture_output=True, text=True, timeout=60).stdout


def write(name, text):
    path = os.path.join(project, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def event(hours, identity, predicted, actual):
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=hours)
    return {"timestamp": at.strftime("%Y-%m-%d %H:%M:%S"), "model_id": "price_prediction_model", "prediction_id": identity, "features": "{\"feature1\": 0.5}",
            "predicted_value": predicted, "actual_value": actual, "model_version": "v1.2.3", "environment": "production"}


def send(server, body, token="any"):
    return json.loads(curl("-X", "POST", server.url + "/v0/events?name=ml_model_predictions&utm_source=DEV&utm_campaign=tb+create+--prompt+DEV",
                           "-H", "Authorization: Bearer " + token, "-d", body))


def tutorial(server):
    """The tutorial: files, deploy, an event, both endpoints."""
    tb("--cloud", "deploy", server=server, has=["model_performance_metrics", "model_drift_detection", "Deployment #1 is live!"])
    for e in [event(100, "p-1", 10, 12), event(2, "p-2", 10, 16)]:
        assert send(server, json.dumps(e, indent=7)) == {"successful_rows": 1, "quarantined_rows": 0}
    assert send(server, '{\n "timestamp": "2023-05-15 14:30:00",\n "model_id": "price_prediction_model"\n}')["quarantined_rows"] == 1
    answer = json.loads(curl(server.url + "/v0/pipes/model_performance_metrics.json?token=any&model_id=price_prediction_model&model_version=v1.2.3"
                             "&environment=production&time_window=48&utm_source=DEV"))
    assert answer["rows"] == 1 and answer["data"][0]["prediction_count"] == 1 and answer["data"][0]["rmse"] == 6, answer
    answer = json.loads(curl(server.url + "/v0/pipes/model_drift_detection.json?token=any&model_id=price_prediction_model&environment=production"
                             "&recent_window_hours=6&historical_window_hours=168&utm_source=DEV"))
    assert answer["rows"] == 1 and answer["data"][0]["drift_percentage"] == 2, answer


def listings(server):
    """What the client tells of a workspace."""
    tb("--cloud", "pipe", "ls", server=server, has=["model_performance_metrics", "model_drift_detection", "endpoint"])
    tb("--cloud", "endpoint", "ls", server=server, has=server.url + "/v0/pipes/model_drift_detection.json")
    tb("--cloud", "datasource", "ls", server=server, has=["ml_model_predictions", "row_count: 2"])
    tb("--cloud", "token", "ls", server=server, has="workspace admin token")
    tb("--cloud", "info", "--skip-local", server=server, has=["workspace_name: residual", server.url])
    tb("--cloud", "sql", "SELECT count() AS n, avg(predicted_value) AS mean FROM ml_model_predictions", server=server, has=["n mean", "2 10"])
    tb("--cloud", "sql", "SELECT median(features) FROM ml_model_predictions", server=server, code=1, has="docs/sql.md lists what is understood")
    tb("--cloud", "datasource", "data", "ml_model_predictions", "--limit", "1", server=server, has="model_id: price_prediction_model")
    tb("--cloud", "endpoint", "data", "model_performance_metrics", "--model_id", "price_prediction_model", "--model_version", "v1.2.3", "--time_window", "1000",
       server=server, has="prediction_count: 2")
    tb("--cloud", "endpoint", "url", "model_drift_detection", server=server, has=server.url + "/v0/pipes/model_drift_detection.json")


def rows(server):
    """Rows from files and as events, rejected ones, and rows that go."""
    good = write("good.ndjson", "".join(json.dumps(event(3, f"f-{n}", 1, 2)) + "\n" for n in range(3)))
    tb("--cloud", "datasource", "append", "ml_model_predictions", "--file", good, server=server, has="Rows appended!")
    columns = list(event(3, "", 0, 0))
    table = write("good.csv", ",".join(columns) + "\n" + ",".join(str(event(3, "c-1", 1, 2)[c]) if c != "features" else "{}" for c in columns) + "\n")
    tb("--cloud", "datasource", "append", "ml_model_predictions", "--file", table, server=server, has="Rows appended!")
    tb("--cloud", "datasource", "append", "ml_model_predictions", "--events", json.dumps(event(3, "e-1", 1, 2)), server=server, has="1 row appended!")
    bad = write("bad.ndjson", json.dumps(event(3, "f-9", 1, 2)) + '\n{"model_id":"m"}\n')
    tb("--cloud", "datasource", "append", "ml_model_predictions", "--file", bad, server=server, code=1, has="1 of 2 rows were rejected", lacks="Rows appended!")
    tb("--cloud", "job", "ls", server=server, has=["import", "done", "error"])
    tb("--cloud", "sql", "SELECT count() AS n FROM ml_model_predictions", server=server, has="8")
    tb("--cloud", "datasource", "replace", "ml_model_predictions", good, server=server, code=1, has="are not replaced as a whole")
    tb("--cloud", "datasource", "delete", "ml_model_predictions", "--sql-condition", "prediction_id='f-1'", "--yes", "--wait", server=server, has="rows deleted")
    tb("--cloud", "datasource", "truncate", "ml_model_predictions", "--yes", server=server)
    tb("--cloud", "sql", "SELECT count() AS n FROM ml_model_predictions", server=server, has=" 0")
    # A deletion ends what counts as a repetition: the same file comes again.
    tb("--cloud", "datasource", "append", "ml_model_predictions", "--file", good, server=server, has="Rows appended!")
    tb("--cloud", "sql", "SELECT count() AS n FROM ml_model_predictions", server=server, has=" 3")


def changes(server):
    """What a change does, and what one that is wrong does not."""
    tb("--cloud", "deploy", server=server, has="Not deploying. No changes.")
    pipe = write("endpoints/team.pipe", "NODE team_node\nSQL >\n    SELECT model_id, count() AS n FROM ml_model_prediction GROUP BY model_id\n\nTYPE endpoint\n")
    for args in (["deploy", "--check"], ["deploy"]):
        tb("--cloud", *args, server=server, code=1, has=["endpoints/team.pipe:3:", "^", "ml_model_prediction"], lacks="is live!")
    write("endpoints/team.pipe", "NODE team_node\nSQL >\n    SELECT model_id, count() AS n FROM ml_model_predictions GROUP BY model_id\n\nTYPE endpoint\n")
    tb("--cloud", "deploy", "--check", server=server, has="Deployment is valid")
    assert "404" in curl("-o", "/dev/null", "-w", "%{http_code}", server.url + "/v0/pipes/team.json")
    tb("--cloud", "deployment", "create", "--no-auto", server=server, has="It won't be auto-promoted when ready.", lacks="is live!")
    tb("--cloud", "deployment", "ls", server=server, has=["Live", "Staging"])
    assert "404" in curl("-o", "/dev/null", "-w", "%{http_code}", server.url + "/v0/pipes/team.json")
    tb("--cloud", "deployment", "promote", server=server)
    assert "200" in curl("-o", "/dev/null", "-w", "%{http_code}", server.url + "/v0/pipes/team.json")
    os.remove(pipe)
    tb("--cloud", "deploy", server=server, code=1, has="the pipe team is in use", lacks="is live!")
    tb("--cloud", "deploy", "--allow-destructive-operations", server=server, has="Deployment #3 is live!")
    assert "404" in curl("-o", "/dev/null", "-w", "%{http_code}", server.url + "/v0/pipes/team.json")


def tokens():
    """The same with tokens: who may deploy, and tokens that the client makes."""
    data = os.path.join(work, "closed")
    admin = residual("token", "create", "admin", "--scope", "ADMIN", "--data-dir", data).strip()
    deployer = residual("token", "create", "ci", "--scope", "WORKSPACE:DEPLOY", "--data-dir", data).strip()
    appender = residual("token", "create", "collector", "--scope", "DATASOURCES:APPEND:ml_model_predictions", "--data-dir", data).strip()
    server = Server(data)
    for wrong in ("wrong", appender):
        tb("--cloud", "deploy", server=server, token=wrong, code=1, lacks="is live!")
    tb("--cloud", "deploy", server=server, token=deployer, has="Deployment #1 is live!")
    assert send(server, json.dumps(event(1, "p-1", 1, 2)), appender)["successful_rows"] == 1
    tb("--cloud", "token", "create", "static", "app", "--scope", "PIPES:READ", "--resource", "model_drift_detection", server=server, token=admin)
    shown = tb("--cloud", "token", "ls", server=server, token=admin, has=["admin", "ci", "collector", "app"], lacks=[admin, deployer])
    assert appender not in shown
    tb("--cloud", "token", "scopes", "app", server=server, token=admin, has=["PIPES:READ", "model_drift_detection"])
    tb("--cloud", "token", "rm", "app", "--yes", server=server, token=admin)
    server.stop()
    # What is deployed is there after a start.
    server = Server(data)
    tb("--cloud", "pipe", "ls", server=server, token=admin, has="model_drift_detection")
    server.stop()


def typescript(server):
    """The TypeScript SDK deploys what is written in TypeScript."""
    global steps
    steps += 1
    folder = os.path.join(work, "typescript")
    os.makedirs(folder)
    os.symlink(os.path.join(sdk, "node_modules"), os.path.join(folder, "node_modules"))
    with open(os.path.join(folder, "tinybird.config.json"), "w", encoding="utf-8") as file:
        json.dump({"include": ["project.ts"], "token": "any", "baseUrl": server.url}, file)
    shutil.copy(os.path.join(root, "compat", "project.ts"), folder)
    run = subprocess.run(["node", os.path.join(sdk, "node_modules/@tinybirdco/sdk/bin/tinybird.js"), "deploy", "--allow-destructive-operations"],
                         cwd=folder, env=environment(server, "any"), capture_output=True, text=True, timeout=120)
    print(f"tinybird deploy: {run.returncode}")
    assert run.returncode == 0 and "is live!" in run.stdout, run.stdout + run.stderr
    assert '"scores"' in curl(server.url + "/v0/datasources")
    answer = json.loads(curl(server.url + "/v0/pipes/team_errors.json?model_id=price_prediction_model"))
    assert answer["rows"] == 1 and answer["data"][0]["n"] == 3 and answer["data"][0]["mae"] == 1, answer


for needed in ("curl", "node"):
    assert shutil.which(needed), f"{needed} is needed"
try:
    residual("init", project)
    open_server = Server(os.path.join(work, "open"))
    tutorial(open_server)
    listings(open_server)
    rows(open_server)
    changes(open_server)
    typescript(open_server)
    open_server.stop()
    tokens()
    print(f"tb: {steps} steps")
finally:
    for process in running:
        process.kill()
        process.wait()
    shutil.rmtree(work)
