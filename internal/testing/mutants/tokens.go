package main

// tokenMutants are bugs by which a token that is bounded to models would be one for others.
func tokenMutants() []mutant {
	return []mutant{
		{
			name: "tokens: the literal name of a model beyond the bound is answered", in: "engine", hint: "TestDifferential",
			old:   `if !ok || !sel.within.Matches(name.text) || !name.plain() && !m.Predicts() {`,
			fresh: `if !ok || !name.plain() && !m.Predicts() {`,
		},
		{
			name: "tokens: a rejected line that names some model is shown", in: "engine", hint: "TestQuarantineWithin",
			old:   `return ok && within.Matches(model)`,
			fresh: `return ok || within.Matches(model)`,
		},
		{
			name: "tokens: rows beyond the bound are stored", in: "httpapi", hint: "TestBoundedToken",
			old:   `	if in.within != "" {`,
			fresh: `	if in.within == "*" {`,
		},
		{
			name: "tokens: rows come as the store has them", in: "httpapi", hint: "TestBoundedToken",
			old:   `	if q.Order == engine.Unordered && ask.within != "" {`,
			fresh: `	if q.Order == engine.Unordered && ask.within == "*" {`,
		},
		{
			name: "tokens: a list without its version is read", in: "httpapi", hint: "TestTokensFile",
			old:   `	case slices.ContainsFunc(content.Tokens, Token.bounded) && content.Version != boundedVersion:`,
			fresh: `	case slices.ContainsFunc(content.Tokens, Token.bounded) && content.Version == 1:`,
		},
		{
			name: "tokens: a change of another server is written over", in: "httpapi", hint: "TestSharedTokensAtOnce$",
			old:   `		if done {`,
			fresh: `		if done || version >= 0 {`,
		},
		{
			name: "tokens: nobody is asked for one before they are read", in: "httpapi", hint: "TestSharedTokens$",
			old:   `return !set.closed && !set.unread`,
			fresh: `return !set.closed`,
		},
	}
}
