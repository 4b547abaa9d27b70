package thread

// Spare leaves one processor to threads that do not give way, or gives it back. It is for a caller whose own thread
// does not give way, one call at a time, and concerns those that give way at that moment. Where there is but one
// processor they share it as always.
func Spare(on bool) { spare(on) }
