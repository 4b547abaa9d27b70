package connector

// Secret is a value that is shown to nobody but the other side: it does not print.
type Secret interface {
	// Reveal returns the value.
	Reveal() string
}

// Reveal returns the value of a secret, "" for nil.
func Reveal(s Secret) string {
	if s == nil {
		return ""
	}
	return s.Reveal()
}
