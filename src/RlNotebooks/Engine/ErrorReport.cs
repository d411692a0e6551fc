using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Microsoft.CodeAnalysis;

namespace RlNotebooks.Engine;

/// <summary>Turns an exception into what a notebook shows: the cells' own frames, no machine paths, no frames of the engine.</summary>
internal static class ErrorReport
{
    private const int MostFrames = 30;
    private const int MostErrors = 10;
    private const int LongestLine = 200;

    public static CellError From(Exception exception, CellCode cell, string folder)
    {
        var error = exception switch
        {
            CellCompilationException e => FromDiagnostics(e.Errors, cell),
            Directives.DirectiveException e => new CellError("DirectiveError", e.Message, [$"{cell.Name}, line {e.Line}: {e.Message}"], e.Line),
            _ => FromThrown(exception, cell),
        };
        return error with
        {
            Message = MachinePaths.Remove(error.Message, folder),
            Traceback = [.. error.Traceback.Select(l => MachinePaths.Remove(l, folder))],
        };
    }

    private static CellError FromDiagnostics(IReadOnlyList<Diagnostic> errors, CellCode cell)
    {
        var lines = errors.Take(MostErrors).SelectMany(d => Describe(d, cell));
        var more = errors.Count > MostErrors ? $"… and {errors.Count - MostErrors} more errors" : null;
        var first = errors.FirstOrDefault(d => d.Location.IsInSource && FileName(d) == cell.Name);
        return new CellError("CompilationError", $"{errors[0].Id}: {errors[0].GetMessage(CultureInfo.InvariantCulture)}", [.. lines, .. more is null ? Array.Empty<string>() : [more]],
            first?.Location.GetLineSpan().StartLinePosition.Line + 1);
    }

    // The place, the message, and beneath it the line with a mark, as a compiler shows it.
    private static IEnumerable<string> Describe(Diagnostic error, CellCode cell)
    {
        var message = $"error {error.Id}: {error.GetMessage(CultureInfo.InvariantCulture)}";
        if (!error.Location.IsInSource)
        {
            return [message];
        }

        var span = error.Location.GetLineSpan();
        var (start, end) = (span.StartLinePosition, span.EndLinePosition);
        var line = error.Location.SourceTree!.GetText().Lines[start.Line].ToString();
        var where = $"{(span.Path.Length > 0 ? FileName(error) : cell.Name)}, line {start.Line + 1}, column {start.Character + 1}: {message}";
        var length = Math.Max(1, end.Line == start.Line ? end.Character - start.Character : line.Length - start.Character);
        return line.Trim().Length == 0 || line.Length > LongestLine ? [where]
            : [where, $"    {line.TrimEnd()}", $"    {new string([.. line[..Math.Min(start.Character, line.Length)].Select(c => c == '\t' ? '\t' : ' ')])}{new string('^', Math.Min(length, LongestLine))}"];
    }

    private static string FileName(Diagnostic error) => Path.GetFileName(error.Location.GetLineSpan().Path);

    private static CellError FromThrown(Exception exception, CellCode cell)
    {
        var shown = exception is TargetInvocationException { InnerException: { } inner } ? inner : exception;
        var lines = new List<string>();
        int? line = null;
        for (var e = shown; e is not null; e = e.InnerException)
        {
            lines.Add($"{(lines.Count > 0 ? "---> " : "")}{e.GetType().Name}: {e.Message}");
            var frames = new StackTrace(e, fNeedFileInfo: true).GetFrames();
            lines.AddRange(UpToTheCell(frames).Take(MostFrames).Select(Describe));
            line ??= frames.FirstOrDefault(f => Path.GetFileName(f.GetFileName()) == cell.Name)?.GetFileLineNumber();
        }

        return new CellError(shown.GetType().Name, shown.Message, lines, line);
    }

    private static IEnumerable<StackFrame> UpToTheCell(StackFrame[] frames)
    {
        var last = Array.FindLastIndex(frames, IsOfCell);
        // Of a chain of framework frames only the call that was made: the last before the next frame that is not the framework's.
        return frames.Take(last + 1).Where((f, i) => !IsOfFramework(f) || (!IsOfFramework(frames[i + 1]) && IsPublic(f)));
    }

    private static bool IsOfFramework(StackFrame frame) =>
        frame.GetMethod()?.DeclaringType is not { } type || Path.GetDirectoryName(type.Assembly.Location) == Path.GetDirectoryName(typeof(object).Assembly.Location);

    private static bool IsPublic(StackFrame frame) => frame.GetMethod() is { IsPublic: true, DeclaringType: { IsVisible: true, Namespace: not ("System.Runtime.CompilerServices" or "System.Runtime.ExceptionServices") } };

    private static bool IsOfCell(StackFrame frame) =>
        frame.GetMethod()?.DeclaringType?.FullName?.StartsWith("Submission#", StringComparison.Ordinal) == true;

    private static string Describe(StackFrame frame)
    {
        var method = frame.GetMethod()!;
        if (IsOfCell(frame))
        {
            var line = frame.GetFileLineNumber();
            var name = method.Name is "MoveNext" || method.Name.StartsWith('<') ? "" : $"{method.Name}() in ";
            return $"   at {name}{Path.GetFileName(frame.GetFileName()) ?? "an earlier cell"}{(line > 0 ? $", line {line}" : "")}";
        }

        return $"   at {method.DeclaringType!.FullName}.{method.Name}({string.Join(", ", method.GetParameters().Select(p => p.ParameterType.Name))})";
    }
}
