using System.Reflection;
using RlPrimitives.Notebooks.Formatting;

namespace RlPrimitives.Notebooks.Live;

/// <summary>
/// Output through a running cell of .NET Interactive, reached by reflection: the kit does not depend on its packages. Uses
/// <c>KernelInvocationContext.Current.Display(value, "text/html")</c> and the returned value's <c>Update</c>, the pair that works in its last version.
/// </summary>
internal sealed class DotNetInteractiveHost : INotebookHost
{
    private readonly Func<object, object> display;

    private DotNetInteractiveHost(Func<object, object> display) => this.display = display;

    /// <summary>Null where no .NET Interactive is loaded or no cell of it runs here.</summary>
    public static DotNetInteractiveHost? TryCreate() =>
        AppDomain.CurrentDomain.GetAssemblies().FirstOrDefault(a => a.GetName().Name == "Microsoft.DotNet.Interactive") is { } assembly ? TryCreate(assembly) : null;

    /// <param name="assembly">Holds the types by their names.</param>
    public static DotNetInteractiveHost? TryCreate(Assembly assembly)
    {
        var context = assembly.GetType("Microsoft.DotNet.Interactive.KernelInvocationContext")?.GetProperty("Current", BindingFlags.Public | BindingFlags.Static)?.GetValue(null);
        var method = assembly.GetType("Microsoft.DotNet.Interactive.KernelInvocationContextExtensions")?.GetMethods(BindingFlags.Public | BindingFlags.Static)
            .FirstOrDefault(m => m.Name == "Display" && m.GetParameters() is [_, var value, var mimeTypes] && value.ParameterType == typeof(object) && mimeTypes.ParameterType == typeof(string[]));
        return context is null || method is null ? null : new DotNetInteractiveHost(value => method.Invoke(null, [context, value, new[] { MimeTypes.Html }])!);
    }

    public INotebookOutput Display(IReadOnlyDictionary<string, string> bundle) => new Output(display(new HtmlView(bundle)));

    private sealed class Output(object shown) : INotebookOutput
    {
        private readonly MethodInfo? update = shown.GetType().GetMethod("Update", [typeof(object)]);

        public bool CanUpdate => update is not null;

        public void Update(IReadOnlyDictionary<string, string> bundle) => update?.Invoke(shown, [new HtmlView(bundle)]);
    }
}
