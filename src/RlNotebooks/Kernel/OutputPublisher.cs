using System.Text;
using System.Text.Json.Nodes;
using RlNotebooks.Documents;
using RlNotebooks.Engine;
using RlNotebooks.Kernel.Protocol;

namespace RlNotebooks.Kernel;

/// <summary>Sends what cells show to the clients, each with the request that caused it. Console text is collected for a blink before it is sent.</summary>
internal sealed class OutputPublisher : IDisposable
{
    private const int LongestText = 1 << 16;
    private static readonly TimeSpan Blink = TimeSpan.FromMilliseconds(25);

    private readonly Action<Channel, Message> send;
    private readonly Dictionary<string, Message> requests = [];
    private readonly StringBuilder text = new();
    private readonly Timer timer;
    private readonly Lock gate = new();
    private (string CellId, bool IsError) stream;

    public OutputPublisher(Action<Channel, Message> send)
    {
        this.send = send;
        timer = new Timer(_ => Flush());
    }

    /// <summary>From now on this cell's output answers this request.</summary>
    public void Begin(string cellId, Message request)
    {
        lock (gate)
        {
            requests[cellId] = request;
        }
    }

    /// <summary>Takes an event of the session.</summary>
    public void Add(CellEvent output)
    {
        lock (gate)
        {
            if (output is StreamWritten s)
            {
                AddText(s);
                return;
            }

            SendText();
            switch (output)
            {
                case DisplayShown d:
                    Publish("display_data", d.CellId, Displayed(d.Bundle, d.DisplayId));
                    break;
                case DisplayUpdated d:
                    Publish("update_display_data", d.CellId, Displayed(d.Bundle, d.DisplayId));
                    break;
                case OutputCleared c:
                    Publish("clear_output", c.CellId, new JsonObject { ["wait"] = c.Wait });
                    break;
            }
        }
    }

    /// <summary>Sends a message on the output channel, after all text so far.</summary>
    public void Publish(string type, Message? request, JsonObject content)
    {
        lock (gate)
        {
            SendText();
            Send(type, request, content);
        }
    }

    /// <summary>Sends collected text now.</summary>
    public void Flush()
    {
        lock (gate)
        {
            SendText();
        }
    }

    public void Dispose()
    {
        timer.Dispose();
        Flush();
    }

    private void AddText(StreamWritten written)
    {
        if (stream != (written.CellId, written.IsError))
        {
            SendText();
            stream = (written.CellId, written.IsError);
        }

        if (text.Length == 0)
        {
            timer.Change(Blink, Timeout.InfiniteTimeSpan);
        }

        text.Append(written.Text);
        if (text.Length >= LongestText)
        {
            SendText();
        }
    }

    private void SendText()
    {
        if (text.Length > 0)
        {
            var content = new JsonObject { ["name"] = stream.IsError ? "stderr" : "stdout", ["text"] = text.ToString() };
            text.Clear();
            Publish("stream", stream.CellId, content);
        }
    }

    private void Publish(string type, string cellId, JsonObject content) => Send(type, requests.GetValueOrDefault(cellId), content);

    private void Send(string type, Message? request, JsonObject content) =>
        send(Channel.Output, Message.Create(type, content, request, [Encoding.ASCII.GetBytes(type)]));

    private static JsonObject Displayed(IReadOnlyDictionary<string, string> bundle, string displayId) => new()
    {
        ["data"] = Bundle(bundle),
        ["metadata"] = new JsonObject(),
        ["transient"] = new JsonObject { ["display_id"] = displayId },
    };

    /// <summary>A MIME bundle as the protocol wants it: JSON types as JSON, text as one string.</summary>
    public static JsonObject Bundle(IReadOnlyDictionary<string, string> bundle)
    {
        var data = Outputs.Data(bundle);
        foreach (var (mime, content) in bundle)
        {
            if (data[mime] is JsonArray && !Outputs.IsJson(mime))
            {
                data[mime] = content;
            }
        }

        return data;
    }
}
