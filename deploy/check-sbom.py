"""Holds lists of parts against CycloneDX's schema, strictly. `make sbom-check` calls it with the files."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        sys.exit(f"{path}: {error}")
    print(f"{path}: CycloneDX 1.6, {len(json.loads(text)['components'])} components")
