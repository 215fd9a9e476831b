package wire

// Boundary finds the end of a value that arrives in parts. It does not check
// the value: what is no JSON ends anywhere.
type Boundary struct {
	scanned  int // bytes of the value that were looked at
	depth    int
	inString bool
	escaped  bool // the next byte of the string follows a backslash
	scalar   bool // it is a number or a literal, which a delimiter ends
	ended    bool
}

// Find looks at the value at the beginning of data, which must begin with the
// bytes that an earlier call had, and returns its length, or false if it does
// not end in data.
func (b *Boundary) Find(data []byte) (length int, ok bool) {
	for ; !b.ended && b.scanned < len(data); b.scanned++ {
		c := data[b.scanned]
		switch {
		case b.inString:
			switch {
			case b.escaped:
				b.escaped = false
			case c == '\\':
				b.escaped = true
			case c == '"':
				b.inString = false
				b.ended = b.depth == 0
			}
		case b.scalar:
			if delimits(c) {
				return b.scanned, true
			}
		case c == '"':
			b.inString = true
		case c == '{' || c == '[':
			b.depth++
		case c == '}' || c == ']':
			b.depth--
			b.ended = b.depth <= 0
		case b.depth == 0:
			b.scalar = true
		}
	}
	return b.scanned, b.ended
}

// delimits reports whether c ends a number or a literal.
func delimits(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', ',', ':', '{', '}', '[', ']', '"':
		return true
	}
	return false
}

// valueEnd returns where the value ends that begins at the given place.
func valueEnd(data []byte, begin int) (end int, ok bool) {
	var b Boundary
	length, ok := b.Find(data[begin:])
	return begin + length, ok
}
