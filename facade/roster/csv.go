package roster

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/credkit/credkit-go/facade/safetext"
)

var csvHeader = []string{"key", "name", "email", "type", "title", "state", "required", "expires_on", "days_left", "window",
	"certification_id", "note", "problem", "error", "certn", "certn_users"}

// WriteCSV writes a line for each cell of each row (RFC 4180), with a header;
// a row without cells has one line. Texts are written as [safetext.CSVCell] has them.
func (m *Matrix) WriteCSV(to io.Writer) error {
	lines := csv.NewWriter(to)
	if err := lines.Write(csvHeader); err != nil {
		return err
	}
	for _, r := range m.Rows {
		cells := r.Cells
		if len(cells) == 0 {
			cells = []Cell{{}}
		}
		for _, c := range cells {
			if err := lines.Write(csvLine(r, c)); err != nil {
				return err
			}
		}
	}
	lines.Flush()
	return lines.Error()
}

func csvLine(r Row, c Cell) []string {
	var required, days, window, id, presence, users string
	if c.Type != "" {
		required = strconv.FormatBool(c.Required)
	}
	if !c.ExpiresOn.IsZero() {
		days = strconv.Itoa(c.DaysLeft)
	}
	if c.Window > 0 {
		window = strconv.Itoa(c.Window)
	}
	if c.Held() {
		id = c.ID.String()
	}
	if r.Certn != nil {
		ids := make([]string, 0, len(r.Certn.Users))
		for _, u := range r.Certn.Users {
			ids = append(ids, u.String())
		}
		presence, users = string(r.Certn.Presence), strings.Join(ids, " ")
	}
	line := []string{r.Key, r.Name, r.Email, c.Type, c.Title, string(c.State), required, c.ExpiresOn.String(), days, window,
		id, c.Note, string(r.Problem), r.Message, presence, users}
	for i := range line {
		line[i] = safetext.CSVCell(line[i])
	}
	return line
}
