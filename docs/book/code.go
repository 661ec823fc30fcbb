package book

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// decl is a declaration at the top level of a Go file, with the comment above
// it.
type decl struct {
	names       []string // all that a label may call it
	first, last int      // lines, from 1
}

// name is what findings call a declaration.
func (d decl) name() string { return d.names[0] }

// parseDecls finds the declarations of a file. The package clause counts as
// one, and so does a group of imports.
func parseDecls(path, content string) ([]decl, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, content, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	line := func(pos token.Pos) int { return set.Position(pos).Line }
	span := func(doc *ast.CommentGroup, n ast.Node, names ...string) decl {
		d := decl{names, line(n.Pos()), line(n.End())}
		if doc != nil {
			d.first = line(doc.Pos())
		}
		return d
	}
	decls := []decl{span(file.Doc, file.Name, "package")}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			decls = append(decls, span(d.Doc, d, funcNames(d)...))
		case *ast.GenDecl:
			decls = append(decls, span(d.Doc, d, groupNames(d)...))
		}
	}
	return decls, nil
}

// funcNames returns the names of a function: for a method (*T).name, T.name and
// name.
func funcNames(d *ast.FuncDecl) []string {
	if d.Recv == nil {
		return []string{d.Name.Name}
	}
	kind, star := d.Recv.List[0].Type, false
	if s, ok := kind.(*ast.StarExpr); ok {
		kind, star = s.X, true
	}
	receiver := fmt.Sprint(kind)
	names := []string{receiver + "." + d.Name.Name, d.Name.Name}
	if star {
		names = slices.Insert(names, 0, "(*"+receiver+")."+d.Name.Name)
	}
	return names
}

// groupNames returns all names that a declaration of constants, variables or
// types declares. A group of imports is called import.
func groupNames(d *ast.GenDecl) []string {
	var names []string
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			names = append(names, spec.Name.Name)
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				names = append(names, name.Name)
			}
		}
	}
	if len(names) == 0 {
		return []string{d.Tok.String()}
	}
	return names
}

// findDecl returns the one declaration with a name.
func findDecl(decls []decl, name string) (decl, error) {
	var found []decl
	for _, d := range decls {
		if slices.Contains(d.names, name) {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return decl{}, fmt.Errorf("there is no declaration of %s in it", name)
	}
	var names []string
	for _, d := range found {
		names = append(names, d.name())
	}
	return decl{}, fmt.Errorf("%s can mean %s", name,
		strings.Join(names, " or "))
}

// excerpt is some lines of a file. The number of a line is that in the file;
// an empty line between two declarations has none.
type excerpt struct {
	lines   []string
	numbers []int
}

func (e *excerpt) add(number int, line string) {
	e.lines = append(e.lines, line)
	e.numbers = append(e.numbers, number)
}

// cut reduces an excerpt to the lines from one that contains a text to the next
// one that contains another.
func (e excerpt) cut(from, to string) (excerpt, error) {
	first, last := 0, len(e.lines)-1
	if from != "" {
		var hits []int
		for i, line := range e.lines {
			if strings.Contains(line, from) {
				hits = append(hits, i)
			}
		}
		if len(hits) != 1 {
			return e, fmt.Errorf("%d lines contain the text %q after from: "+
				"it must be one", len(hits), from)
		}
		first = hits[0]
	}
	if to != "" {
		for last = first; last < len(e.lines); last++ {
			if strings.Contains(e.lines[last], to) {
				break
			}
		}
		if last == len(e.lines) {
			return e, fmt.Errorf("no line there contains the text %q after to",
				to)
		}
	}
	return excerpt{e.lines[first : last+1], e.numbers[first : last+1]}, nil
}

// excerptOf takes the named declarations, or everything, out of a file.
func excerptOf(path, content string, names []string) (excerpt, error) {
	var e excerpt
	lines := splitLines(content)
	if len(names) == 0 {
		for i, line := range lines {
			e.add(i+1, line)
		}
		return e, nil
	}
	if !strings.HasSuffix(path, ".go") {
		return e, fmt.Errorf("only a Go file has declarations: choose lines " +
			`with from "…" to "…"`)
	}
	decls, err := parseDecls(path, content)
	if err != nil {
		return e, err
	}
	for i, name := range names {
		d, err := findDecl(decls, name)
		if err != nil {
			return e, err
		}
		if i > 0 {
			e.add(0, "")
		}
		for n := d.first; n <= d.last; n++ {
			e.add(n, lines[n-1])
		}
	}
	return e, nil
}

// splitLines returns the lines of a text without their ends.
func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// joinLines is the opposite of splitLines.
func joinLines(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
