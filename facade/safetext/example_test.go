package safetext_test

import (
	"fmt"

	"github.com/credkit/credkit-go/facade/safetext"
)

// Texts that somebody else wrote, for a terminal, a spreadsheet and as JSON.
func Example() {
	const name = "Ada\x1b[2J\u202eecalevoL"
	fmt.Printf("%q\n", safetext.Line(name))
	fmt.Println(safetext.CSVCell("=HYPERLINK(\"https://evil.example.com\")"))
	fmt.Printf("%s\n", safetext.JSON([]byte("{\"name\":\"\u202e\"}")))
	// Output:
	// "Ada[2JecalevoL"
	// '=HYPERLINK("https://evil.example.com")
	// {"name":"\u202e"}
}
