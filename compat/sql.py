"""Answers statements with ClickHouse, line by line: {"rows": path} loads rows, {"q": statement} answers it as JSONCompact."""

import json
import sys

from chdb import session

s = session.Session()
s.query("SET session_timezone = 'UTC'")
for line in sys.stdin:
    asked = json.loads(line)
    try:
        if "rows" in asked:
            s.query("CREATE DATABASE IF NOT EXISTS d ENGINE = Atomic")
            s.query("USE d")
            s.query(
                "CREATE TABLE ml_model_predictions (timestamp DateTime, model_id String, prediction_id String, features String, predicted_value Float64,"
                " actual_value Float64, model_version String, environment String) ENGINE = MergeTree ORDER BY (timestamp, model_id, prediction_id)"
            )
            s.query(
                "INSERT INTO ml_model_predictions SELECT * FROM file('%s', JSONEachRow, 'timestamp DateTime, model_id String, prediction_id String, features String,"
                " predicted_value Float64, actual_value Nullable(Float64), model_version String, environment String') WHERE actual_value IS NOT NULL" % asked["rows"]
            )
            answer = s.query("SELECT count(), version() FROM ml_model_predictions", "JSONCompact").bytes().decode()
        else:
            answer = s.query(asked["q"], "JSONCompact").bytes().decode()
        print(json.dumps({"answer": answer}), flush=True)
    except Exception as e:
        print(json.dumps({"error": str(e)[:500]}), flush=True)
