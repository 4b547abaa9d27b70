// Package browser holds the page to what it promises, in a real browser: each view and interaction, both themes, from a phone to a wall,
// without an error in the console and without a request to another host, with nothing found by axe-core, under names that attack it, and
// within its budgets of time and memory. It is a module of its own, so that the program needs no browser's protocol.
//
// `make browser` runs it and leaves its pictures in .browser/.
package browser
