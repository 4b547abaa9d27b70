// Package template reads the templates that SQL of pipes may have in it, as Tinybird writes them, and puts the values of parameters in
// their places.
//
// A [Template] is text with {{ expressions }}, {% statements %} and {# comments #}. Expressions are those of Python as far as templates
// need them: names, texts, numbers, lists, comparisons, and, or, not, in, + - * /, and calls of the functions of functions.go. What a
// value becomes depends on where it stands: within the quotes of a text of SQL it is a part of that text, elsewhere it is a literal of its
// own. No value of a parameter becomes anything but a literal.
//
// A Template does not change and is safe for concurrent use. [Template.Render] is bounded in its steps and in what it makes.
package template
