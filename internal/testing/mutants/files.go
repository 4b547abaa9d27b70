package main

// fileMutants are bugs in the reading of files that others wrote.
func fileMutants() []mutant {
	return []mutant{
		{
			name: "rowfile: a header is told by the case of its names", in: "internal/rowfile", hint: "TestCSVHeaders",
			old:   `return strings.ToLower(strings.Join(words, "_"))`,
			fresh: `return strings.Join(words, "_")`,
		},
		{
			name: "rowfile: a header that names nothing is skipped", in: "internal/rowfile", hint: "TestCSVHeaders",
			old:   `if isRow(first, r.columns) || named(first, r.columns) == 0 && !isHeader(first, r.columns) {`,
			fresh: `if isRow(first, r.columns) || named(first, r.columns) == 0 {`,
		},
		{
			name: "rowfile: the first row of a file without a header is lost", in: "internal/rowfile", hint: "TestCSV",
			old:   `r.row = first != nil`,
			fresh: `r.row = false`,
		},
		{
			name: "rowfile: a record that its file cuts off is whole", in: "internal/rowfile", hint: "TestCSVSparse",
			old:   `r.cut = t == fileEnd`,
			fresh: `r.cut = false`,
		},
	}
}
