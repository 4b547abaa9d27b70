package main

// answerMutants are bugs in answers with rows.
func answerMutants() []mutant {
	return []mutant{
		{
			name: "encode: rows are added to a batch that is lent", in: "httpapi", hint: "TestRowsInEveryFormat",
			old:   `return t.lent || (t.rows+1)*len(t.Columns) > batchCells`,
			fresh: `return (t.rows+1)*len(t.Columns) > batchCells`,
		},
		{
			name: "encode: a number has the text of the one before", in: "httpapi", hint: "TestRowsInEveryFormat",
			old:   `size != o.size || len(o.sizeText) == 0`,
			fresh: `size > o.size || len(o.sizeText) == 0`,
		},
		{
			name: "encode: a row group begins with the last row of the one before", in: "httpapi", hint: "TestRowsInEveryFormat",
			old:   `g.values = appendValues(g.values[:0], t.Columns[j].Kind, &t.vectors[j], from, t.next)`,
			fresh: `g.values = appendValues(g.values[:0], t.Columns[j].Kind, &t.vectors[j], max(from-1, 0), t.next)`,
		},
		{
			name: "jsontext: decimals of more digits than a float64 tells apart", in: "internal/jsontext", hint: "TestFloats",
			old:   `decimalMax = 1e15 / decimals`,
			fresh: `decimalMax = 1e17 / decimals`,
		},
		{
			name: "predictions: a row that waits has an actual", in: "httpapi", hint: "TestRowsInEveryFormat",
			old:   `actual := math.NaN()`,
			fresh: `actual := 0.0`,
		},
		{
			name: "predictions: at least is more than", in: "httpapi", hint: "TestRowsQueries",
			old: `		rest += "="
`,
			fresh: ``,
		},
	}
}
