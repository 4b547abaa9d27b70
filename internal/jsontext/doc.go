// Package jsontext appends strings and numbers as JSON writes them, in the shortest form that reads back the same, and finds where
// a value of a text ends.
package jsontext
