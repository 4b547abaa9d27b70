package export

// Escape is a model's name as a part of a path.
func Escape(name string, foldsCase bool) string { return escape(name, foldsCase) }

// Count counts the rows in an answer that comes in pieces.
func Count(format string, pieces [][]byte) (int64, error) {
	c := counterOf(format)
	for _, piece := range pieces {
		c.count(piece)
	}
	return c.rows, c.end()
}
