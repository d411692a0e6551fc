using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using RlNotebooks.Engine;
using RlNotebooks.Engine.Language;
using RlNotebooks.Kernel.Protocol;
using Channel = RlNotebooks.Kernel.Protocol.Channel;

namespace RlNotebooks.Kernel;

/// <summary>
/// A Jupyter kernel: one session of cells, served to clients. Three lanes, each in order: cells, questions (completion, hover, history), and control
/// (interrupt, shutdown). A running cell holds up neither of the others.
/// </summary>
internal sealed class KernelServer : IDisposable
{
    private const int StreamLimit = 1_000_000;

    private readonly NotebookSession session;
    private readonly OutputPublisher output;
    private readonly InputRequests input;
    private readonly CellRequests cells;
    private readonly History history = new();
    private readonly CodeQuestions questions;
    private readonly KernelSockets sockets;
    private readonly TextWriter log;
    private readonly Channel<Message> cellLane = System.Threading.Channels.Channel.CreateUnbounded<Message>();
    private readonly Channel<(Channel Channel, Message Request)> questionLane = System.Threading.Channels.Channel.CreateUnbounded<(Channel, Message)>();
    private readonly BlockingCollection<Message> controlLane = [];
    private readonly TaskCompletionSource stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock statusGate = new();
    private Message? running;

    /// <summary>Starts serving.</summary>
    /// <param name="connection">Where clients expect the kernel.</param>
    /// <param name="folder">What paths in cells are relative to.</param>
    /// <param name="log">For whoever looks after the kernel; no client sees it.</param>
    public KernelServer(ConnectionFile connection, string folder, TextWriter log)
    {
        this.log = log;
        session = new NotebookSession(folder) { StreamLimit = StreamLimit };
        _ = session.WarmUpAsync();
        output = new OutputPublisher(Send);
        input = new InputRequests(Send, output);
        cells = new CellRequests(session, output, history);
        questions = new CodeQuestions(new CodeAssistant(session));
        session.Output += output.Add;
        session.Ask = input.Ask;
        sockets = new KernelSockets(connection, Receive, log);
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
    }

    /// <summary>Serves until a client shuts the kernel down.</summary>
    public async Task RunAsync()
    {
        output.Publish("status", null, new JsonObject { ["execution_state"] = "starting" });
        _ = Task.Run(CellsAsync);
        _ = Task.Run(QuestionsAsync);
        new Thread(Control) { IsBackground = true, Name = "kernel control" }.Start();
        questions.WarmUp();
        await stopped.Task.ConfigureAwait(false);
    }

    /// <summary>Ends the running cell, if one is.</summary>
    public void Interrupt() => cells.Interrupt();

    /// <summary>Ends the kernel.</summary>
    public void Stop()
    {
        LastMoments.Begin();
        stopped.TrySetResult();
    }

    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        questions.Dispose();
        output.Dispose();
        sockets.Dispose();
        session.Dispose();
    }

    private void Send(Channel channel, Message message) => sockets.Send(channel, message);

    private void Receive(Channel channel, Message message)
    {
        if (channel == Channel.Input)
        {
            input.Answer(message);
        }
        else if (channel == Channel.Control)
        {
            controlLane.Add(message);
        }
        else if (message.Type == "execute_request")
        {
            cellLane.Writer.TryWrite(message);
        }
        else
        {
            questionLane.Writer.TryWrite((channel, message));
        }
    }

    private async Task CellsAsync()
    {
        await foreach (var request in cellLane.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            Status("busy", request);
            lock (statusGate)
            {
                running = request;
            }

            input.Begin(request);
            var reply = await AnswerAsync(request, cells.ExecuteAsync).ConfigureAwait(false);
            input.Begin(null);
            output.Flush();
            lock (statusGate)
            {
                running = null;
                Send(Channel.Shell, request.Reply(reply));
                Status("idle", request);
            }

            questions.AfterCell();
            if (reply["status"]?.ToString() == "error" && request.Flag("stop_on_error", true) && !request.Flag("silent", false))
            {
                AbortWaiting();
            }
        }
    }

    // What was sent together with a cell that failed was meant to run after its success.
    private void AbortWaiting()
    {
        while (cellLane.Reader.TryRead(out var waiting))
        {
            Status("busy", waiting);
            Send(Channel.Shell, waiting.Reply(new JsonObject { ["status"] = "aborted", ["execution_count"] = session.ExecutionCount }));
            Status("idle", waiting);
        }
    }

    private async Task QuestionsAsync()
    {
        await foreach (var (channel, request) in questionLane.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            await AskedAsync(channel, request).ConfigureAwait(false);
        }
    }

    // A thread of its own: interrupt and shutdown must work when a cell's loops keep the whole pool busy.
    private void Control()
    {
        foreach (var request in controlLane.GetConsumingEnumerable())
        {
            AskedAsync(Channel.Control, request).GetAwaiter().GetResult();
        }
    }

    private async Task AskedAsync(Channel channel, Message request)
    {
        Status("busy", request);
        var reply = await AnswerAsync(request, AnswerAsync).ConfigureAwait(false);
        lock (statusGate)
        {
            if (reply.Count > 0)
            {
                Send(channel, request.Reply(reply));
            }

            Status("idle", request);
            if (running is { } cell)
            {
                // Clients show the last state they heard of: the kernel still is busy with the cell.
                Status("busy", cell);
            }
        }

        if (request.Type == "shutdown_request")
        {
            output.Publish("shutdown_reply", request, (JsonObject)reply.DeepClone());
            Stop();
        }
    }

    /// <summary>Empty for messages that have no answer.</summary>
    private async Task<JsonObject> AnswerAsync(Message request)
    {
        switch (request.Type)
        {
            case "kernel_info_request":
                return KernelDescription.Answer();
            case "complete_request":
                return await questions.CompleteAsync(request).ConfigureAwait(false);
            case "inspect_request":
                return await questions.InspectAsync(request).ConfigureAwait(false);
            case "is_complete_request":
                return CodeQuestions.IsComplete(request);
            case "history_request":
                return history.Answer(request);
            case "comm_info_request":
                return Replies.Ok(("comms", new JsonObject()));
            case "interrupt_request":
                Interrupt();
                return Replies.Ok();
            case "shutdown_request":
                return Replies.Ok(("restart", request.Flag("restart", false)));
            case "comm_open":
                // Nothing here speaks with widgets: whoever opens a line is told that it is closed.
                output.Publish("comm_close", request, new JsonObject { ["comm_id"] = request.Text("comm_id"), ["data"] = new JsonObject() });
                return [];
            default:
                return request.Type.EndsWith("_request", StringComparison.Ordinal)
                    ? Replies.Error("NotSupported", $"This kernel does not know '{request.Type}'.", []) : [];
        }
    }

    // A client waits without a time limit: whatever happens, it gets an answer.
    [SuppressMessage("Design", "CA1031", Justification = "Becomes the answer.")]
    private async Task<JsonObject> AnswerAsync(Message request, Func<Message, Task<JsonObject>> answer)
    {
        try
        {
            return await answer(request).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            await log.WriteLineAsync($"kernel: {request.Type} failed: {e}").ConfigureAwait(false);
            var reply = Replies.Error(e.GetType().Name, e.Message, [$"{e.GetType().Name}: {e.Message}"]);
            reply["execution_count"] = session.ExecutionCount;
            return reply;
        }
    }

    private void Status(string state, Message request) => output.Publish("status", request, new JsonObject { ["execution_state"] = state });

    // Environment.Exit in a cell: the client hears how it ended before the process goes.
    private void OnProcessExit(object? sender, EventArgs e)
    {
        Message? request;
        lock (statusGate)
        {
            (request, running) = (running, null);
        }

        if (request is not null)
        {
            var error = Replies.Error("ProcessExit", $"The cell ended the kernel's process (exit code {Environment.ExitCode}). Restart the kernel; its variables are gone.",
                [$"ProcessExit: the cell ended the kernel's process (exit code {Environment.ExitCode})."]);
            var shown = (JsonObject)error.DeepClone();
            shown.Remove("status");
            output.Publish("error", request, shown);
            error["execution_count"] = session.ExecutionCount;
            Send(Channel.Shell, request.Reply(error));
            Status("idle", request);
        }

        output.Flush();
        sockets.Flush();
    }
}
