// This file keeps small files in memory. To open and read a file takes several
// system calls, and each may wait for a disk. With one thread, all would wait.

package main

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"time"
)

// maxCache is how many bytes of files are kept.
const maxCache = 16 << 20

// cache is a site that remembers the small files of another site.
type cache struct {
	site  fs.FS
	files map[string]cachedFile
	size  int // of all contents, in bytes
}

type cachedFile struct {
	info    fs.FileInfo
	content []byte
}

// Open opens a file of the site, in memory if it can.
func (c *cache) Open(name string) (fs.File, error) {
	if kept, ok := c.files[name]; ok && c.isFresh(name, kept.info) {
		return kept.open(), nil
	}
	file, err := c.site.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxChunk {
		return file, nil // whoever uses the file finds out what it is
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, info.Size()))
	read := cachedFile{info, content}
	// A file that has just changed may change again without a newer time.
	if err == nil && time.Since(info.ModTime()) > time.Second {
		c.keep(name, read)
	}
	return read.open(), err
}

// isFresh reports whether a file is still what it was when it was read. What is
// built in cannot change, and cannot be asked.
func (c *cache) isFresh(name string, was fs.FileInfo) bool {
	site, ok := c.site.(fs.StatFS)
	if !ok {
		return true
	}
	is, err := site.Stat(name)
	return err == nil && os.SameFile(is, was) && is.Size() == was.Size() &&
		is.Mode() == was.Mode() && is.ModTime().Equal(was.ModTime())
}

// keep keeps a file. When the memory is full, it starts anew: what is asked for
// often is soon there again.
func (c *cache) keep(name string, file cachedFile) {
	c.size += len(file.content)
	if c.files == nil || c.size > maxCache {
		c.files = map[string]cachedFile{}
		c.size = len(file.content)
	}
	c.files[name] = file
}

// open gives a file in memory the form of any other file.
func (f cachedFile) open() fs.File {
	file := &openFile{info: f.info}
	file.Reset(f.content)
	return file
}

type openFile struct {
	bytes.Reader
	info fs.FileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *openFile) Close() error { return nil }
