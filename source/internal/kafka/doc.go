// Package kafka reads the messages of a topic as events.
package kafka
