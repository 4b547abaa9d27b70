package upload

// Error says what is wrong with a file.
type Error struct {
	// Text is a part of a sentence. It holds nothing of the file.
	Text string
	// Column is the name, as the file has it, of the column that Text goes on about; empty where Text is the whole sentence.
	Column string
	// TooLarge tells a file beyond a limit from one that is no good.
	TooLarge bool
}

func (e *Error) Error() string {
	if e.Column != "" {
		return "upload: column " + e.Column + " " + e.Text
	}
	return "upload: " + e.Text
}
