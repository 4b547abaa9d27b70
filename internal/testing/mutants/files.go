package main

// fileMutants are bugs in the writing of exported files, and in the reading of files that others wrote.
func fileMutants() []mutant {
	return []mutant{
		{
			name: "export: an answer that ends in the middle of a row is whole", in: "cmd/residual/internal/export", hint: "TestFailuresLeaveNothing|TestCounter",
			old:   `case !c.file && (c.quoted || c.size > 0 && c.last[len(c.last)-1] != '\n'):`,
			fresh: `case !c.file && c.quoted:`,
		},
		{
			name: "export: a stream is begun again in its middle", in: "cmd/residual/internal/export", hint: "TestStreamIsNotRepeated",
			old:   `if done = n; err != nil && done.Bytes > 0 {`,
			fresh: `if done = n; err != nil && done.Bytes < 0 {`,
		},
		{
			name: "export: a folder goes on with another question", in: "cmd/residual/internal/export", hint: "TestResume",
			old:   `case !reflect.DeepEqual(was.Question, f.Question):`,
			fresh: `case was.Complete && !reflect.DeepEqual(was.Question, f.Question):`,
		},
		{
			name: "export: the last partition has what is behind the window", in: "cmd/residual/internal/export", hint: "TestFolderWindow",
			old:   `if !to.IsZero() && to.Before(p.To) {`,
			fresh: `if !to.IsZero() && to.Before(p.From) {`,
		},
		{
			name: "export: names that differ in case share a folder", in: "cmd/residual/internal/export", hint: "TestEscape",
			old:   `'A' <= c && c <= 'Z' && !foldsCase`,
			fresh: `'A' <= c && c <= 'Z'`,
		},
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
		{
			name: "parquet: what a page says of its rows is believed", in: "internal/parquet", hint: "TestLevelsAreBounded",
			old:   `if c.file.levels++; c.file.levels/levelsPerByte > c.file.limits.Bytes {`,
			fresh: `if c.file.levels++; c.file.levels < 0 {`,
		},
		{
			name: "parquet: the last group of a run is read to its end", in: "internal/parquet", hint: "TestRuns",
			old:   `r.left, r.at, r.packed = 8*min(groups, 1<<32), 0, r.data[:size:size]`,
			fresh: `r.left, r.at, r.packed = 8*min(groups, 1<<32)-1, 0, r.data[:size:size]`,
		},
		{
			name: "rowfile: a list goes on in the next row", in: "internal/rowfile", hint: "TestDocuments",
			old:   `if ended || level.Repetition < repeated.Repetition {`,
			fresh: `if ended || level.Repetition+1 < repeated.Repetition {`,
		},
		{
			name: "rowfile: a prediction that is no number is not known", in: "internal/rowfile", hint: "TestParquetCells",
			old:   `if null || c.column.Kind == Number && c.column.Optional && isNaN(c.node, v) {`,
			fresh: `if null || c.column.Kind == Number && isNaN(c.node, v) {`,
		},
	}
}
