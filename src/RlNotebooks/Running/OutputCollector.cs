using System.Text;
using System.Text.Json.Nodes;
using RlNotebooks.Documents;
using RlNotebooks.Engine;

namespace RlNotebooks.Running;

/// <summary>Turns the session's events into the outputs of the notebook's cells: streams joined, displays in their last state.</summary>
internal sealed class OutputCollector(Action<string> displayed)
{
    private readonly Dictionary<string, List<Entry>> cells = [];
    private readonly Dictionary<string, Entry> displays = [];
    private readonly Lock gate = new();

    public void Add(CellEvent output)
    {
        lock (gate)
        {
            var entries = cells.TryGetValue(output.CellId, out var known) ? known : cells[output.CellId] = [];
            switch (output)
            {
                case StreamWritten s:
                    var name = s.IsError ? "stderr" : "stdout";
                    if (entries.LastOrDefault() is not { Stream: { } last } open || last != name)
                    {
                        entries.Add(open = new Entry(name));
                    }

                    open.Text.Append(s.Text);
                    break;
                case DisplayShown d:
                    entries.Add(displays[d.DisplayId] = new Entry(null) { Bundle = d.Bundle });
                    Show(d.Bundle);
                    break;
                case OutputCleared:
                    // With "wait" too: at the end nothing tells the two apart but whether something new came.
                    entries.Clear();
                    break;
                case DisplayUpdated d:
                    displays[d.DisplayId].Bundle = d.Bundle;
                    Show(d.Bundle);
                    break;
            }
        }
    }

    /// <summary>What the cell showed so far.</summary>
    public IReadOnlyList<JsonObject> Of(string cellId)
    {
        lock (gate)
        {
            return cells.TryGetValue(cellId, out var entries) ? [.. entries.Select(e => e.ToJson())] : [];
        }
    }

    private void Show(IReadOnlyDictionary<string, string> bundle)
    {
        if (bundle.TryGetValue("text/plain", out var text))
        {
            displayed(text);
        }
    }

    private sealed class Entry(string? stream)
    {
        public string? Stream => stream;

        public StringBuilder Text { get; } = new();

        public IReadOnlyDictionary<string, string>? Bundle { get; set; }

        public JsonObject ToJson() => stream is not null ? Outputs.Stream(stream, Text.ToString()) : Outputs.Display(Bundle!);
    }
}
