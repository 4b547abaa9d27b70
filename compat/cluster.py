"""The statements of a store in ClickHouse, run by the oldest ClickHouse that such a store is opened over: chDB 2.1.1 embeds 24.8.

The tables are made as `residual cluster ddl` prints them, rows and actuals are stored in them, and every statement of
clickhouse/testdata/statements.sql, to which the tests hold those of questions, has to be answered.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

from chdb import session

ROOT = pathlib.Path(__file__).resolve().parent.parent
OLDEST = "24.8."

ROWS = r"""INSERT INTO residual.predictions
SELECT concat(['a', 'a\'b', 'b'][number % 3 + 1]), 'e', 'v\\', fromUnixTimestamp64Milli(toInt64(number % 40), 'UTC'), toString(number), number % 2, 100 + number, number, number / 2, '{}'
FROM numbers(600)"""
ACTUALS = r"""INSERT INTO residual.actuals
SELECT ['a', 'a\'b', 'b'][number % 3 + 1], toString(number), 400 + number, if(number % 5 = 0, 'v\\', ''), '', number % 7 > 0, number, number, now64(3) FROM numbers(600)"""
# Series that go along with a statement by the native protocol, which the library does not speak: they are a table here.
ALONG = r"""CREATE TABLE residual.series_along ENGINE = MergeTree ORDER BY tuple() AS
SELECT ['a', 'a\'b', 'b'][number + 1] AS model_id, 'e' AS environment, 'v\\' AS model_version, [toInt64(0), 10, 30, 40] AS bounds, [toUInt8(1), 0, 1, 0] AS wanted FROM numbers(3)"""


def statements():
    text = (ROOT / "clickhouse/testdata/statements.sql").read_text()
    for part in re.split(r"\n\n(?=-- )", text.strip()):
        title, sql = part.split("\n", 1)
        yield title.removeprefix("-- "), re.sub(r"\bseries_along\b", "residual.series_along", sql)


# What `residual cluster check` compares: how the server writes down what is made, and the statements.
ARE = """SELECT name, if(engine = 'MaterializedView', concat(extract(create_table_query, ' TO ([^ ]+)'), ' AS ', as_select), engine_full)
FROM system.tables WHERE database = 'residual'"""


def tables(store, *flags):
    """Makes the tables in an empty database, and looks whether they are what they were to be."""
    ddl = subprocess.run([ROOT / "residual", "cluster", "ddl", "--store", "clickhouse://127.0.0.1/residual", *flags], check=True, capture_output=True, text=True).stdout
    made = [s.strip() for s in ddl.split(";\n") if s.strip()]
    for statement in made:
        store.query(statement)
    are = dict(line.split("\t") for line in str(store.query(ARE, "TSVRaw")).splitlines())
    for statement in made[1:]:
        name, sql = statement.removeprefix("-- ").split("\n", 1)
        escaped = sql.replace("\\", "\\\\").replace("'", "\\'")
        want = re.split(" ENGINE = | TO ", str(store.query(f"SELECT formatQuerySingleLine('{escaped}')", "TSVRaw")).strip(), maxsplit=1)[1]
        if not are[name].startswith(want):
            sys.exit(f"cluster-oldest: {name} is {are[name]!r}, not {want!r}")
    return len(made)


def main():
    with tempfile.TemporaryDirectory() as folder:
        store = session.Session(folder + "/kept")
        version = str(store.query("SELECT version()")).strip().strip('"')
        if not version.startswith(OLDEST):
            sys.exit(f"cluster-oldest: ClickHouse is {version}, not {OLDEST}x")
        made = tables(session.Session(folder + "/dropped"), "--retention", "400d")
        made += tables(store)
        store.query(ROWS)
        store.query(ACTUALS)
        store.query(ALONG)
        failed = answered = 0
        for title, sql in statements():
            try:
                rows = str(store.query(sql, "TSV")).count("\n")
            except Exception as e:  # whatever the library throws
                failed += 1
                print(f"FAIL {title}: {str(e)[:300]}")
                continue
            answered += 1
            print(f"{title}: {rows} rows")
        print(f"ClickHouse {version}: {made} statements of tables, {answered} of questions, {failed} refused")
        if failed or not answered:
            sys.exit(1)


main()
