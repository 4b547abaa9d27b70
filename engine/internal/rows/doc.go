// Package rows reads the rows of a window.
package rows
