using System.Text.Json.Nodes;
using RlNotebooks.Engine;
using RlNotebooks.Kernel.Protocol;

namespace RlNotebooks.Kernel;

/// <summary>Asks the client that runs a cell for the line of text that the cell wants.</summary>
internal sealed class InputRequests(Action<Channel, Message> send, OutputPublisher output)
{
    private readonly Lock gate = new();
    private Message? cell;
    private TaskCompletionSource<string>? waiting;

    /// <summary>The request whose cell runs from now on; null when none does.</summary>
    public void Begin(Message? request)
    {
        lock (gate)
        {
            cell = request;
        }
    }

    /// <summary>Asks and waits; from the thread of the cell.</summary>
    /// <exception cref="InvalidOperationException">The client said that nobody can answer.</exception>
    public string Ask(InputQuestion question, CancellationToken cancellation)
    {
        TaskCompletionSource<string> answer;
        Message request;
        lock (gate)
        {
            if (cell is null || !cell.Flag("allow_stdin", true))
            {
                throw new InvalidOperationException("The cell asks for input, but this client lets nobody answer. Put the value into a variable, or run the cell in an editor.");
            }

            (request, waiting) = (cell, answer = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        output.Flush();
        send(Channel.Input, Message.Create("input_request", new JsonObject { ["prompt"] = question.Prompt, ["password"] = question.IsSecret }, request, request.Identities));
        answer.Task.Wait(cancellation);
        return answer.Task.Result;
    }

    /// <summary>Takes the client's answer; one that nobody waits for is dropped.</summary>
    public void Answer(Message reply)
    {
        lock (gate)
        {
            waiting?.TrySetResult(reply.Text("value") ?? "");
            waiting = null;
        }
    }
}
