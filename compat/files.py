"""Writes files of events with pandas, PyArrow, Polars and fastparquet in the ways that people do, and holds the rows that a server and
'residual ingest' make of each to those that were written."""

import datetime
import decimal
import json
import os
import random
import subprocess
import sys
import tempfile

import numpy
import pandas
import polars
import pyarrow
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import requests

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
program = os.path.join(root, "residual")
begin = datetime.datetime(2026, 1, 5, 10)
some = random.Random(16)
columns = ["timestamp", "model_id", "prediction_id", "features", "predicted_value", "actual_value", "model_version", "environment"]
numbers = ["predicted_value", "actual_value"]
texts = ["model_id", "prediction_id", "model_version", "environment"]


def features(number):
    return {"sqft": some.randint(0, 99), "vector": [some.random() for _ in range(number % 4)] if number % 5 else None,
            "place": {"city": some.choice(["Zürich", 'say "x"', None]), "tags": [{"k": k} for k in range(number % 3)]} if number % 7 else None}


rows = [{"timestamp": begin + datetime.timedelta(milliseconds=137 * n), "model_id": "m", "prediction_id": f"p-{n:04}", "features": features(n),
         "predicted_value": some.gauss(10, 3), "actual_value": some.gauss(10, 3) if n % 3 else None, "model_version": some.choice(["v1", "v2"]),
         "environment": "production"} for n in range(500)]
struct = pyarrow.struct([
    ("sqft", pyarrow.int64()), ("vector", pyarrow.list_(pyarrow.float64())),
    ("place", pyarrow.struct([("city", pyarrow.string()), ("tags", pyarrow.list_(pyarrow.struct([("k", pyarrow.int64())])))]))])


def flat(row):
    return {**row, "features": json.dumps(row["features"])}


def table(as_text=False, time=pyarrow.timestamp("us"), number=pyarrow.float64(), text=pyarrow.string()):
    kinds = {"timestamp": time, "features": text if as_text else struct, **dict.fromkeys(numbers, number), **dict.fromkeys(texts, text)}
    cast = {pyarrow.float16(): numpy.float16, pyarrow.decimal128(20, 4): fixed, pyarrow.decimal256(60, 4): fixed}.get(number, lambda v: v)
    values = [flat(row) if as_text else row for row in rows]
    return pyarrow.table({c: pyarrow.array([cast(v[c]) if c in numbers and v[c] is not None else v[c] for v in values], kinds[c]) for c in columns})


def fixed(value):
    return decimal.Decimal(value).quantize(decimal.Decimal("0.0001"))


def seconds(row):
    return {**row, "timestamp": row["timestamp"].replace(microsecond=0)}


def rounded(by):
    return lambda row: {**row, **{c: None if row[c] is None else float(by(row[c])) for c in numbers}}


# A case is a name, what writes its file, and what its rows are where they are not those above: each of them, all of them, or the text
# of an error.
cases = []


def case(name, write, each=lambda row: row, all=None, error=None):
    cases.append((name, write, each, rows if all is None else all, error))


def arrow(name, what, each=lambda row: row, **options):
    case(f"pyarrow {name}.parquet", lambda path: pyarrow.parquet.write_table(what, path, **options), each)


whole, plain = table(), table(as_text=True)
for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
    for version in ["1.0", "2.0"]:
        arrow(f"{codec} {version}", whole, compression=codec, data_page_version=version, row_group_size=130, data_page_size=900)
for encoding in ["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"]:
    arrow(encoding, plain, flat, use_dictionary=False, column_encoding=dict.fromkeys([*texts, "features"], encoding))
arrow("differences", plain, flat, use_dictionary=False, column_encoding={"timestamp": "DELTA_BINARY_PACKED", **dict.fromkeys(numbers, "BYTE_STREAM_SPLIT")})
for unit in ["s", "ms", "us", "ns"]:
    for zone in [None, "UTC", "America/Santiago"]:
        arrow(f"{unit} {str(zone).replace('/', ' ')}", table(time=pyarrow.timestamp(unit, zone)), seconds if unit == "s" else lambda row: row)
arrow("int96", plain, flat, use_deprecated_int96_timestamps=True)
arrow("large", table(as_text=True, text=pyarrow.large_string()), flat)
arrow("float32", table(number=pyarrow.float32()), rounded(numpy.float32))
arrow("float16", table(number=pyarrow.float16()), rounded(numpy.float16))
arrow("decimal128", table(number=pyarrow.decimal128(20, 4)), rounded(fixed))
arrow("decimal256", table(number=pyarrow.decimal256(60, 4)), rounded(fixed))
arrow("checksums and indexes", whole, write_page_checksum=True, write_page_index=True)
arrow("lists of old", whole, use_compliant_nested_type=False)
arrow("capitals", whole.rename_columns([c.upper() for c in columns]).select(list(reversed(range(8)))))
arrow("further columns", whole.append_column("blob", pyarrow.array([b"\xff\xfe"] * 500)).append_column("list", pyarrow.array([[1, 2]] * 500))
      .append_column("struct", pyarrow.array([{"a": [1]}] * 500)).append_column("span", pyarrow.array([datetime.timedelta(1)] * 500)))
arrow("whole numbers as names", whole.set_column(6, "model_version", pyarrow.array([3] * 500)), lambda row: {**row, "model_version": "3"})
arrow("bytes as texts", pyarrow.table([plain[c].cast(pyarrow.binary()) if c in texts else plain[c] for c in columns], columns), flat)
case("pyarrow no rows.parquet", lambda path: pyarrow.parquet.write_table(whole.slice(0, 0), path), all=[])


def groups(path):
    with pyarrow.parquet.ParquetWriter(path, whole.schema) as writer:
        for start, length in [(0, 0), (0, 10), (10, 0), (10, 490)]:
            writer.write_table(whole.slice(start, length))


case("pyarrow empty groups.parquet", groups)
case("pyarrow list.parquet", lambda path: pyarrow.parquet.write_table(whole.set_column(1, "model_id", pyarrow.array([["m"]] * 500)), path),
     error="the column 'model_id' of the Parquet file is a list; a text is needed")
case("pyarrow other.parquet", lambda path: pyarrow.parquet.write_table(pyarrow.table({"a": [1], "b": [2]}), path),
     error="the Parquet file has no column of the data source: it has 'a', 'b'; the columns are timestamp, ")
case("pyarrow feather", lambda path: pyarrow.feather.write_feather(plain, path, compression="uncompressed"), error="the file is an Arrow or Feather file: write it as Parquet")

frame = pandas.DataFrame([flat(row) for row in rows])
nanos = frame.assign(timestamp=frame["timestamp"].astype("datetime64[ns]"))
case("pandas.parquet", frame.to_parquet, flat)
case("pandas index.parquet", frame.set_index("prediction_id").to_parquet, flat)
case("pandas dict.parquet", pandas.DataFrame(rows).to_parquet)
case("df.parquet.gzip", lambda path: frame.to_parquet(path, compression="gzip"), flat)
for codec in ["snappy", "gzip", "brotli", "zstd", "lz4", None]:
    for name, options in {"": {}, " int96": {"times": "int96"}, " groups": {"row_group_offsets": 100}, " no nulls": {"has_nulls": False}}.items():
        case(f"fastparquet {codec}{name}.parquet", lambda path, o=options, c=codec: nanos.to_parquet(path, engine="fastparquet", compression=c, **o), flat)
case("fastparquet categories.parquet", lambda path: nanos.astype({"model_id": "category", "environment": "category"}).to_parquet(path, engine="fastparquet"), flat)

lazy, nested = polars.DataFrame([flat(row) for row in rows], infer_schema_length=None), polars.DataFrame(rows, infer_schema_length=None)
for codec in ["uncompressed", "snappy", "gzip", "brotli", "lz4", "zstd"]:
    for name, options in {"": {}, " small": {"data_page_size": 1000, "row_group_size": 90}}.items():
        case(f"polars {codec}{name}.parquet", lambda path, o=options, c=codec: nested.write_parquet(path, compression=c, **o))
unknown = lazy.with_columns(polars.col("actual_value").fill_null(float("nan")))
case("polars nan.parquet", unknown.write_parquet, flat)
case("polars nan.csv", unknown.with_columns(polars.col("timestamp").dt.strftime("%Y-%m-%d %H:%M:%S%.3f")).write_csv, flat)
case("polars categories.parquet", lazy.with_columns(polars.col("model_id").cast(polars.Categorical)).write_parquet, flat)
case("polars.csv", lazy.write_csv, flat)
case("polars.ndjson", lambda path: nested.with_columns(polars.col("timestamp").dt.strftime("%Y-%m-%d %H:%M:%S%.3f")).write_ndjson(path))
case("pyarrow.csv", lambda path: pyarrow.csv.write_csv(table(as_text=True, time=pyarrow.timestamp("ms")), path), flat)

shuffled = frame[list(reversed(columns))].rename(columns=lambda c: " " + c.replace("_", " ").title())
for name, options in {
    "": {"index": False}, " index": {}, " semicolon": {"index": False, "sep": ";"}, " tab": {"index": False, "sep": "\t"}, " utf-16": {"index": False, "encoding": "utf-16"},
    " mark": {"index": False, "encoding": "utf-8-sig"}, " returns": {"index": False, "lineterminator": "\r"}, " windows": {"index": False, "lineterminator": "\r\n"},
    " quotes": {"index": False, "quoting": 2}, " headless": {"index": False, "header": False},
}.items():
    case(f"pandas{name}.csv", lambda path, o=options: frame.to_csv(path, **o), flat)
    if name != " headless":
        case(f"pandas shuffled{name}.csv", lambda path, o=options: shuffled.to_csv(path, **o), flat)
case("pandas.csv.gz", lambda path: frame.to_csv(path, index=False), flat)
case("pandas.csv.zst", lambda path: frame.to_csv(path, index=False, compression={"method": "gzip"}), flat)  # told by its first bytes
case("pandas numbered.csv", lambda path: pandas.DataFrame(frame.to_numpy()).to_csv(path, index=False), error="is a header that names no column of the data source: it has '0', '1',")
case("pandas named otherwise.csv", lambda path: frame.rename(columns=lambda c: "my_" + c).to_csv(path, index=False), error="is a header that names no column of the data source: it has 'my_timestamp',")


def spreadsheet(path):
    body = frame.to_csv(index=False, sep=";").replace("\n", ";;\r\n")
    with open(path, "w", encoding="utf-16", newline="") as file:
        file.write("sep=;\r\n" + body + ";" * 9 + "\r\n")


case("spreadsheet.csv", spreadsheet, flat)
short = rounded(lambda v: round(v, 6))  # to_json writes 15 digits
for name, options in {"": {}, " lines": {"lines": True}}.items():
    case(f"pandas{name}.json", lambda path, o=options: pandas.DataFrame([short(row) for row in rows]).to_json(path, orient="records", date_format="iso", double_precision=15, **o), short)
case("pandas.xlsx", lambda path: frame.head(3).to_excel(path), error="the file is a ZIP archive or an Excel workbook: save its sheet as CSV")


def serve(directory):
    server = subprocess.Popen([program, "serve", "--data-dir", directory, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return server, server.stdout.readline().split()[-1]


def stored(address):
    answer = requests.get(address + "/v0/pipes/predictions.ndjson", timeout=60, params={
        "model_id": "*", "model_version": "*", "environment": "*", "from": "2026-01-05 00:00:00", "to": "2026-01-06 00:00:00", "limit": 0, "order": "timestamp",
        "columns": ",".join(columns)})
    answer.raise_for_status()
    return [json.loads(line) for line in answer.text.splitlines()]


def wanted(each, written):
    for row in written:
        row = each(row)
        kept = dict(row)
        kept["timestamp"] = row["timestamp"].isoformat(" ", "milliseconds")
        kept["features"] = row["features"] if isinstance(row["features"], str) else json.loads(json.dumps(row["features"]))
        yield kept


def same(got, each, written):
    want = list(wanted(each, written))
    got.sort(key=lambda row: row["prediction_id"])
    for row, expected in zip(got, want):
        if isinstance(expected["features"], dict):
            row["features"] = near(json.loads(row["features"]))
            expected["features"] = near(expected["features"])
        if row != expected:
            return f"stored {row}, written {expected}"
    return "" if len(got) == len(want) else f"{len(got)} rows, {len(want)} were written"


def near(value):
    """What to_json cuts of a number inside of features is not at stake here."""
    if isinstance(value, dict):
        return {k: near(v) for k, v in value.items()}
    if isinstance(value, list):
        return [near(v) for v in value]
    return round(value, 12) if isinstance(value, float) else value


def upload(address, path):
    with open(path, "rb") as file:
        return requests.post(address + "/v0/datasources", params={"name": "ml_model_predictions", "mode": "append"}, timeout=60,
                             files={"file": (os.path.basename(path), file)})


def check(directory, path, each, written, error):
    """Returns what is wrong with what becomes of a file, by each of the two ways."""
    for way in ["upload", "ingest", "standard input"]:
        server, address = serve(os.path.join(directory, way))
        said = ""
        try:
            if way == "upload":
                answer = upload(address, path)
                told = answer.text
                good = answer.status_code == 200 and answer.json() == {"successful_rows": len(written), "quarantined_rows": 0}
            else:
                with open(path, "rb") as file:
                    ran = subprocess.run([program, "ingest", "--server", address, "--batch-bytes", "16KiB", *(["-"] if way != "ingest" else [path])],
                                         stdin=file, capture_output=True, text=True, check=False)
                told = ran.stdout + ran.stderr
                good = ran.returncode == 0
            if error is not None:
                # Standard input has no name that says what it is.
                said = "" if not good and (error in told or way == "standard input" and "neither NDJSON" in told) else told
            elif not good:
                said = told
            said = said or same(stored(address), each, [] if error is not None else written)
        finally:
            server.terminate()
            noise = server.communicate(timeout=30)[1]
        noise = [line for line in noise.splitlines() if "level=" not in line]
        if said or noise:
            return f"{way}: {said} {noise or ''}"[:600]
    return ""


failed = 0
with tempfile.TemporaryDirectory() as scratch:
    for number, (name, write, each, written, error) in enumerate(cases):
        directory = os.path.join(scratch, str(number))
        os.mkdir(directory)
        path = os.path.join(directory, name)
        write(path)
        wrong = check(directory, path, each, written, error)
        failed += wrong != ""
        if wrong:
            print(f"{name}: {wrong}")

    # What a program sends by itself.
    server, address = serve(os.path.join(scratch, "events"))
    try:
        target = address + "/v0/events"
        event = {**flat(rows[0]), "timestamp": "2026-01-05 10:00:00"}
        name = {"name": "ml_model_predictions"}
        answer = requests.post(target, params=name, json=[event, event], timeout=60)
        assert answer.status_code == 400 and "format=json" in answer.text, answer.text
        answer = requests.post(target, params={**name, "format": "json"}, json=[event], timeout=60)
        assert answer.status_code == 202 and answer.json() == {"successful_rows": 1, "quarantined_rows": 0}, answer.text
        answer = requests.post(target, params=name, data=json.dumps({**event, "actual_value": float("nan")}), timeout=60)
        assert answer.json() == {"successful_rows": 0, "quarantined_rows": 1}, answer.text
        reasons = requests.get(address + "/v0/pipes/quarantine.json", timeout=60).json()["data"]
        assert "NaN and infinities are no JSON numbers" in str(reasons), reasons
        answer = requests.post(address + "/v0/datasources", params={**name, "mode": "append", "url": "http://127.0.0.1/x.csv"}, timeout=60)
        assert answer.status_code == 400 and "curl" in answer.text, answer.text
    finally:
        server.terminate()
        server.wait(30)
print(f"{len(cases)} files, {failed} of them wrong")
sys.exit(1 if failed else 0)
