// Package jsontext appends strings and numbers as JSON writes them, in the shortest form that reads back the same.
package jsontext
