using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using NetMQ;
using NetMQ.Sockets;

namespace RlNotebooks.Tests.Kernel;

/// <summary>A Jupyter client written for these tests: its own framing and signing, so that it would notice a mistake in the kernel's.</summary>
internal sealed class KernelClient : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly JsonObject connection;
    private readonly string session = Guid.NewGuid().ToString();
    private readonly Queue<ClientMessage> unread = [];

    public KernelClient(JsonObject connection)
    {
        this.connection = connection;
        Shell = Connected(new DealerSocket(), "shell");
        Control = Connected(new DealerSocket(), "control");
        Input = Connected(new DealerSocket(), "stdin");
        Heartbeat = Connected(new RequestSocket(), "hb");
        Output = new SubscriberSocket();
        Output.Options.ReceiveHighWatermark = 0;
        Output.SubscribeToAnyTopic();
        Connected(Output, "iopub");

        // A subscription takes a moment to arrive; what is published before is not heard.
        for (var clock = Stopwatch.StartNew(); ; )
        {
            Assert.True(clock.Elapsed < Patience, "The kernel did not answer.");
            var id = Send(Shell, "kernel_info_request", []);
            if (TryReply(Shell, id, TimeSpan.FromSeconds(30)) is not null && TryOutput(m => m.Cause == id && m.State == "idle", TimeSpan.FromMilliseconds(100)) is not null)
            {
                return;
            }
        }
    }

    public DealerSocket Shell { get; }

    public DealerSocket Control { get; }

    public DealerSocket Input { get; }

    public SubscriberSocket Output { get; }

    public RequestSocket Heartbeat { get; }

    public string Send(NetMQSocket socket, string type, JsonObject content, JsonObject? cause = null)
    {
        var id = Guid.NewGuid().ToString();
        socket.SendMultipartBytes(Frames(id, type, content, cause, connection["key"]!.ToString()));
        return id;
    }

    public List<byte[]> Frames(string id, string type, JsonObject content, JsonObject? cause, string key)
    {
        var header = new JsonObject { ["msg_id"] = id, ["msg_type"] = type, ["session"] = session, ["username"] = "t", ["date"] = DateTime.UtcNow.ToString("o"), ["version"] = "5.3" };
        var parts = new[] { header, cause ?? [], [], content }.Select(p => Encoding.UTF8.GetBytes(p.ToJsonString())).ToArray();
        return ["<IDS|MSG>"u8.ToArray(), Encoding.ASCII.GetBytes(Sign(parts, key)), .. parts];
    }

    public JsonObject Ask(string type, JsonObject content) => Reply(Shell, Send(Shell, type, content));

    public JsonObject Reply(NetMQSocket socket, string id) => TryReply(socket, id, Patience) ?? throw new TimeoutException("No reply.");

    /// <summary>Runs a cell; its reply and everything that it showed, until idle.</summary>
    public (JsonObject Reply, List<ClientMessage> Shown) Execute(string code, bool isSilent = false)
    {
        var id = SendCell(code, isSilent);
        return (Reply(Shell, id), Shown(id));
    }

    public string SendCell(string code, bool isSilent = false, bool allowsInput = true, JsonObject? expressions = null) => Send(Shell, "execute_request", new JsonObject
    {
        ["code"] = code, ["silent"] = isSilent, ["store_history"] = !isSilent, ["user_expressions"] = expressions ?? [], ["allow_stdin"] = allowsInput, ["stop_on_error"] = true,
    });

    /// <summary>What a request showed, until it is idle.</summary>
    public List<ClientMessage> Shown(string id)
    {
        var shown = new List<ClientMessage>();
        while (TryOutput(m => m.Cause == id, Patience) is { } message)
        {
            if (message.State == "idle")
            {
                return shown;
            }

            if (message.Type is not ("status" or "execute_input"))
            {
                shown.Add(message);
            }
        }

        throw new TimeoutException("The kernel did not become idle.");
    }

    /// <summary>The next output that fits; others stay for later.</summary>
    public ClientMessage? TryOutput(Func<ClientMessage, bool> fits, TimeSpan patience)
    {
        for (var i = unread.Count; i > 0; i--)
        {
            var message = unread.Dequeue();
            if (fits(message))
            {
                // The rest keeps its order.
                for (; i > 1; i--)
                {
                    unread.Enqueue(unread.Dequeue());
                }

                return message;
            }

            unread.Enqueue(message);
        }

        for (var clock = Stopwatch.StartNew(); clock.Elapsed < patience;)
        {
            if (TryReceive(Output, patience - clock.Elapsed) is { } message)
            {
                if (fits(message))
                {
                    return message;
                }

                unread.Enqueue(message);
            }
        }

        return null;
    }

    public JsonObject? TryReply(NetMQSocket socket, string id, TimeSpan patience)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < patience;)
        {
            if (TryReceive(socket, patience - clock.Elapsed) is { } message && message.Cause == id)
            {
                return message.Content;
            }
        }

        return null;
    }

    public ClientMessage? TryReceive(NetMQSocket socket, TimeSpan patience)
    {
        // Looked at again and again: a wait with a time limit can miss its end in this client library and then never returns.
        var frames = new List<byte[]>();
        for (var clock = Stopwatch.StartNew(); !socket.TryReceiveMultipartBytes(ref frames!); Thread.Sleep(2))
        {
            if (clock.Elapsed > patience)
            {
                return null;
            }
        }

        var at = frames.FindIndex(f => f.AsSpan().SequenceEqual("<IDS|MSG>"u8));
        var parts = frames.GetRange(at + 2, 4);
        Assert.Equal(Sign(parts, connection["key"]!.ToString()), Encoding.ASCII.GetString(frames[at + 1]));
        var json = parts.Select(p => JsonNode.Parse(p)!.AsObject()).ToArray();
        return new ClientMessage(json[0], json[1], json[3]);
    }

    public void Dispose()
    {
        foreach (var socket in new NetMQSocket[] { Shell, Control, Input, Heartbeat, Output })
        {
            socket.Options.Linger = TimeSpan.Zero;
            socket.Dispose();
        }
    }

    private static string Sign(IEnumerable<byte[]> parts, string key) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), parts.SelectMany(p => p).ToArray()));

    private T Connected<T>(T socket, string channel)
        where T : NetMQSocket
    {
        // One name on all channels: a question to the client that runs a cell goes to the name that sent the cell.
        socket.Options.Identity = Encoding.ASCII.GetBytes(session);
        socket.Connect($"tcp://127.0.0.1:{connection[$"{channel}_port"]}");
        return socket;
    }
}

internal sealed record ClientMessage(JsonObject Header, JsonObject Parent, JsonObject Content)
{
    public string Type => Header["msg_type"]!.ToString();

    public string? Cause => Parent["msg_id"]?.ToString();

    public string? State => Type == "status" ? Content["execution_state"]!.ToString() : null;

    public string Plain => Content["data"]!["text/plain"]!.ToString();
}
