// Package book checks the Markdown of the book against the code, the commands
// and the measurements that it is about. README.md beside this file tells
// those who write a chapter what they need.
//
// The label of a fence says what the fence is true to. It is the info string
// behind the backticks, of which GitHub shows nothing:
//
//	```go FILE [NAME …] [from "TEXT"] [to "TEXT"]
//	```LANGUAGE FILE [from "TEXT"] [to "TEXT"]
//	```diff STEP STEP FILE [context N] [hunk "TEXT"] [from "TEXT"] [to "TEXT"]
//	```console [terminal N] [types N] [any order] [varies "REGEXP"]
//	    [limit TIME] [needs TOOL] [STEP [FLAG …]]
//	```text "REASON"
//	```http
//	```mermaid
//
// A check returns findings: what is wrong, where, and what to do. Some findings
// come with a fix, an edit of the page, which the flag -update makes.
//
// Where to read on: page.go reads Markdown, label.go labels. check.go calls the
// checks that read only: listing.go, stepdiff.go and coverage.go for code,
// links.go, pictures.go, numbers.go and course.go for the rest. scene.go runs
// the commands, in a room (room.go) with terminals (terminal.go), and compares
// (compare.go, shapes.go). mermaid.go parses diagrams.
package book
