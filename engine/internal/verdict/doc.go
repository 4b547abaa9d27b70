// Package verdict decides which state a version of a model is in, in one place for everybody who shows it: lists, gauges, alerts.
//
// [Facts] are what is known of a version at a moment; [Of] names the first [State] that fits them, the one that needs somebody most.
// Some facts cost another look at the rows and are needed by few versions: [Facts.AsksDue] and [Facts.AsksActuals] tell whether the
// state depends on them. [Onset] says when an error rose.
//
// Everything here is a pure function. There are no errors.
package verdict
