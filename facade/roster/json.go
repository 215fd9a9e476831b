package roster

import (
	"encoding/json"
	"io"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/safetext"
)

// MarshalJSON writes the cell with days_left null where there is no end.
func (c Cell) MarshalJSON() ([]byte, error) {
	out := struct {
		Type      string       `json:"type"`
		Title     string       `json:"title"`
		State     State        `json:"state"`
		Required  bool         `json:"required"`
		ID        *facade.UUID `json:"id"`
		ExpiresOn facade.Date  `json:"expires_on"`
		DaysLeft  *int         `json:"days_left"`
		Window    int          `json:"window,omitempty"`
		Note      string       `json:"note,omitempty"`
	}{c.Type, c.Title, c.State, c.Required, nil, c.ExpiresOn, nil, c.Window, c.Note}
	if c.Held() {
		out.ID = &c.ID
	}
	if !c.ExpiresOn.IsZero() {
		out.DaysLeft = &c.DaysLeft
	}
	return json.Marshal(out)
}

// MarshalJSON writes the row. error is null, or an object with the problem, its
// remedy and the error's text.
func (r Row) MarshalJSON() ([]byte, error) {
	type problem struct {
		Problem Problem `json:"problem"`
		Remedy  string  `json:"remedy"`
		Message string  `json:"message"`
	}
	out := struct {
		Key            string      `json:"key"`
		Name           string      `json:"name"`
		Email          string      `json:"email"`
		Certifications []Cell      `json:"certifications"`
		Error          *problem    `json:"error"`
		Certn          *CertnMatch `json:"certn,omitempty"`
	}{r.Key, r.Name, r.Email, r.Cells, nil, r.Certn}
	if out.Certifications == nil {
		out.Certifications = []Cell{}
	}
	if r.Problem != "" {
		out.Error = &problem{r.Problem, r.Problem.Remedy(), r.Message}
	}
	return json.Marshal(out)
}

// WriteJSON writes the rows as one array, in their order.
func (m *Matrix) WriteJSON(to io.Writer) error {
	before := "[\n  "
	for _, r := range m.Rows {
		element, err := json.MarshalIndent(r, "  ", "  ")
		if err != nil {
			return err
		}
		if _, err := to.Write(append([]byte(before), safetext.JSON(element)...)); err != nil {
			return err
		}
		before = ",\n  "
	}
	end := "\n]\n"
	if len(m.Rows) == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(to, end)
	return err
}

// WriteJSONL writes each row as JSON on a line of its own.
func (m *Matrix) WriteJSONL(to io.Writer) error {
	for _, r := range m.Rows {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if _, err := to.Write(append(safetext.JSON(line), '\n')); err != nil {
			return err
		}
	}
	return nil
}
